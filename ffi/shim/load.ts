import { ProtectionError } from "../../crng/errors.ts";
import { SHIM_FILES, type ShimFile } from "./embedded.ts";
import { loadMemfd } from "./memfd.ts";
import { requireAbi, type Shim, SHIM_SYMBOLS, ShimError } from "./shim.ts";

/** Where `./install` is meant to put the shim, in order of search. */
export const SHIM_FOLDERS = [
  "/usr/local/lib/vmfork",
  "/usr/lib/vmfork",
] as const;

/** Names a shim when `configure()` does not; read only if that is granted. */
export const SHIM_VARIABLE = "VMFORK_SHIM";

/** Why there is no shim in this realm, and what would give it one. */
export interface NoShim {
  /** What stood in the way. */
  readonly reason: string;
  /** What would have to be granted or changed. */
  readonly remedy: string;
}

/** The shim's file for this machine; undefined where there is none. */
export function shimFile(): ShimFile | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return SHIM_FILES[Deno.build.arch as keyof typeof SHIM_FILES];
}

/** The bytes of an embedded shim. */
export function shimBytes(file: ShimFile): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(file.base64), (char) => char.charCodeAt(0));
}

/** The flags of `deno run` for a shim at this path. */
export function flagsFor(path: string): string {
  return `--allow-ffi=${path} --allow-read=${path}`;
}

/**
 * Loads the shim, using only what is granted and never asking for more: a file that was named, an
 * installed one, or, if FFI is granted without a path, the embedded copy by way of a sealed memfd, so
 * that nothing is written.
 *
 * @param named the path of the shim, if the program names one
 * @throws {ProtectionError} If the shim that was named cannot be used, or FFI is granted for a file that
 * may not be read
 */
export function loadShim(named?: string): Shim | NoShim {
  const file = shimFile();
  if (file === undefined) {
    return {
      reason: `there is no shim for ${Deno.build.os} on ${Deno.build.arch}`,
      remedy: "Linux on x86-64 or arm64",
    };
  }
  const path = named ?? namedByEnvironment();
  if (path !== undefined) return loadNamed(path, file);
  for (const folder of SHIM_FOLDERS) {
    const shim = loadInstalled(`${folder}/${file.name}`, file);
    if (shim !== undefined) return shim;
  }
  if (granted({ name: "ffi" })) {
    return opened("memfd", () => loadMemfd(file, shimBytes(file)));
  }
  return {
    reason: "the permission to load the shim is missing",
    remedy: `${
      flagsFor(`${SHIM_FOLDERS[0]}/${file.name}`)
    } once jsr:@vmfork/crng/install has put it there, or --allow-ffi`,
  };
}

/** Whether a permission is granted already; never asks for it. */
export function granted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

function namedByEnvironment(): string | undefined {
  if (!granted({ name: "env", variable: SHIM_VARIABLE })) return undefined;
  return Deno.env.get(SHIM_VARIABLE) || undefined;
}

function loadNamed(path: string, file: ShimFile): Shim {
  if (!granted({ name: "ffi", path }) || !granted({ name: "read", path })) {
    throw missingFlags(path);
  }
  try {
    requireBytes(path, file);
  } catch (cause) {
    throw new ProtectionError(
      "level-unavailable",
      `Cannot load the shim that was named: "${path}"`,
      { cause },
    );
  }
  return openFile(path);
}

/** An installed shim, if there is one and it is the one that belongs to this version. */
function loadInstalled(path: string, file: ShimFile): Shim | undefined {
  if (!granted({ name: "ffi", path })) return undefined;
  if (!granted({ name: "read", path })) {
    if (granted({ name: "ffi" })) return undefined; // the memfd needs no reading
    throw missingFlags(path);
  }
  try {
    requireBytes(path, file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return openFile(path);
}

function missingFlags(path: string): ProtectionError {
  return new ProtectionError(
    "permission-denied",
    `Cannot load the shim as it takes both flags: ${flagsFor(path)}`,
  );
}

/** The name holds a digest and the package holds the bytes: no need to trust the name. */
function requireBytes(path: string, file: ShimFile): void {
  const found = Deno.readFileSync(path);
  const wanted = shimBytes(file);
  if (
    found.length !== wanted.length ||
    found.some((byte, i) => byte !== wanted[i])
  ) {
    throw new ShimError(
      "load",
      `"${path}" is not the shim of this version of the package (${file.name})`,
    );
  }
}

function openFile(path: string): Shim {
  return opened(path, () => Deno.dlopen(path, SHIM_SYMBOLS));
}

function opened(
  origin: string,
  open: () => Deno.DynamicLibrary<typeof SHIM_SYMBOLS>,
): Shim {
  const library = open();
  try {
    requireAbi(library.symbols);
  } catch (error) {
    library.close();
    throw error;
  }
  let closed = false;
  return {
    symbols: library.symbols,
    origin,
    // arm64: /dev/mem maps the page as device memory; not timely until shown on hardware.
    cachedPages: Deno.build.arch === "x86_64",
    get closed() {
      return closed;
    },
    close() {
      closed = true;
      library.symbols.vmfork_close();
      library.close();
    },
  };
}
