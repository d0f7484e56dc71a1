import type { ShimFile } from "../shim/embedded.ts";
import {
  requireBytes,
  SHIM_FOLDERS,
  shimBytes,
  shimOf,
  shimPaths,
} from "../shim/file.ts";
import { type Shim, ShimError } from "../shim/shim.ts";
import { SHIM_SYMBOLS } from "../shim/symbols.ts";
import { memfdPath } from "./deno_memfd.ts";
import { timerOf } from "./timer.ts";
import {
  type DeviceFile,
  errnoOf,
  MissingRight,
  type NoShim,
  type Runtime,
  unreadable,
} from "./runtime.ts";

/** Deno: every right is queried before it is used, since what is not granted would be asked for. */
export function denoRuntime(): Runtime {
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    flagsFor,
    readFlag: (path) => `--allow-read=${path}`,
    missingInstallFlags,
    variable: (name) =>
      granted({ name: "env", variable: name }) ? Deno.env.get(name) : undefined,
    openShim,
    findShim,
    openDevice,
    timer: timerOf((timer) => Deno.unrefTimer(timer as number)),
  };
}

/** A permission that was denied for some paths counts as missing: its use could throw. */
function granted(descriptor: Deno.PermissionDescriptor): boolean {
  const { state, partial } = Deno.permissions.querySync(descriptor);
  return state === "granted" && !partial;
}

function flagsFor(path: string): string {
  return `--allow-ffi=${path} --allow-read=${path}`;
}

function missingInstallFlags(folder: string): string | undefined {
  const wanted: Deno.PermissionDescriptor[] = [
    { name: "read" },
    { name: "write", path: folder },
    { name: "sys", kind: "uid" },
  ];
  if (wanted.every(granted)) return undefined;
  return `--allow-read --allow-write=${folder} --allow-sys=uid`;
}

function openShim(path: string, file: ShimFile): Shim {
  if (!granted({ name: "ffi", path }) || !granted({ name: "read", path })) {
    throw new MissingRight(path);
  }
  requireBytes(path, Deno.readFileSync(path), file);
  return shimOf(openLibrary(path), path, Deno.build.arch);
}

/**
 * @throws {ShimError} If the file cannot be loaded
 */
function openLibrary(path: string): Deno.DynamicLibrary<typeof SHIM_SYMBOLS> {
  try {
    return Deno.dlopen(path, SHIM_SYMBOLS);
  } catch (cause) {
    throw new ShimError("load", String(cause), { cause });
  }
}

/** One in a file, or, if FFI is granted without a path, the embedded copy: then nothing is written. */
function findShim(file: ShimFile): Shim | NoShim {
  let obstacle: NoShim | undefined;
  for (const path of shimPaths(file)) {
    const found = openFound(path, file);
    if (found !== undefined && "symbols" in found) return found;
    obstacle ??= found;
  }
  if (granted({ name: "ffi" })) {
    const embedded = openEmbedded(file);
    if ("symbols" in embedded) return embedded;
    obstacle ??= embedded;
  }
  return obstacle ?? {
    reason: "the permission to load the shim is missing",
    remedy: `${
      flagsFor(`${SHIM_FOLDERS[0]}/${file.name}`)
    } once jsr:@vmfork/crng/install has put it there, or --allow-ffi`,
  };
}

function openEmbedded(file: ShimFile): Shim | NoShim {
  try {
    const path = memfdPath(file, shimBytes(file));
    return shimOf(openLibrary(path), "memfd", Deno.build.arch);
  } catch (error) {
    if (!(error instanceof ShimError)) throw error;
    return {
      reason: error.message,
      remedy: "an installed shim, and the flags for its file",
    };
  }
}

/**
 * Undefined where there is none, or no word about it.
 *
 * @throws {MissingRight} If FFI is granted for a file that may not be read: half of a decision
 */
function openFound(path: string, file: ShimFile): Shim | NoShim | undefined {
  if (!granted({ name: "ffi", path })) return undefined;
  if (!granted({ name: "read", path })) {
    // Without a path it is no word about this file, with exceptions or not.
    if (Deno.permissions.querySync({ name: "ffi" }).state === "granted") {
      return undefined;
    }
    throw new MissingRight(path);
  }
  try {
    return openShim(path, file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    return unreadable(path, error);
  }
}

function openIfPossible(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path);
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

function openDevice(path: string): DeviceFile | undefined {
  if (!granted({ name: "read", path })) return undefined;
  const file = openIfPossible(path);
  if (file === undefined) return undefined;
  const { isCharDevice, rdev } = file.statSync();
  return {
    device: isCharDevice && rdev !== null ? rdev : undefined,
    read: (into) => file.readSync(into) ?? 0,
    close: () => file.close(),
  };
}
