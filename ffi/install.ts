/**
 * Installs the C shim: writes it to a folder under a name that holds its digest, and prints the exact
 * flags that a program needs to load it.
 *
 * ```sh
 * deno run --allow-read --allow-write=/usr/local/lib/vmfork --allow-sys=uid \
 *   jsr:@vmfork/crng/install /usr/local/lib/vmfork
 * ```
 *
 * `/usr/local/lib/vmfork` and `/usr/lib/vmfork` are where programs look by themselves; any other folder is
 * named by `configure({ shim })` or the variable `VMFORK_SHIM`. Whoever can write to the folder decides
 * what programs load: so it, and every folder above it, must belong to root or to the user who installs,
 * and be writable by nobody else.
 *
 * @example
 * ```ts
 * import { install } from "@vmfork/crng/install";
 *
 * function setUp(): void {
 *   console.log(install("/usr/local/lib/vmfork"));
 * }
 * console.log(setUp.name);
 * ```
 *
 * @module
 */

import { writableByOthers } from "./shim/folders.ts";
import {
  flagsFor,
  granted,
  SHIM_FOLDERS,
  shimBytes,
  shimFile,
} from "./shim/load.ts";

const FILE_MODE = 0o555;
const FOLDER_MODE = 0o755;
const ROOT = 0;

/** The folder cannot hold the shim, or there is no shim for this machine. */
export class InstallError extends Error {
  /** `"InstallError"`. */
  override readonly name = "InstallError";
  /** Always `"install-failed"`. */
  readonly code = "install-failed";
}

/**
 * Writes the shim of this machine's architecture to a folder, whole or not at all: a temporary file with
 * mode 0555, then a rename. The folder is made if it is missing. A second call finds the file and is
 * content.
 *
 * @param folder the folder; links in its path are resolved
 * @returns the path of the shim
 * @throws {InstallError} If a permission is missing, if someone else can write to the folder or to one above
 * it, or if the file cannot be written
 * @example
 * ```ts
 * import { install, InstallError } from "@vmfork/crng/install";
 *
 * function tryTo(folder: string): string | undefined {
 *   try {
 *     return install(folder);
 *   } catch (error) {
 *     if (!(error instanceof InstallError)) throw error;
 *     console.error(error.message);
 *   }
 * }
 * console.log(tryTo.name);
 * ```
 */
export function install(folder: string): string {
  const file = shimFile();
  if (file === undefined) {
    throw new InstallError(
      `Cannot install as there is no shim for ${Deno.build.os} on ${Deno.build.arch}`,
    );
  }
  requireFlags(folder);
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    const real = Deno.realPathSync(folder);
    const problem = writableByOthers(real, Deno.uid()!);
    if (problem !== undefined) {
      throw new InstallError(`Cannot install to "${real}" as ${problem}`);
    }
    const path = `${real === "/" ? "" : real}/${file.name}`;
    const bytes = shimBytes(file);
    if (!isInstalled(path, bytes)) replace(path, bytes);
    return path;
  } catch (error) {
    if (error instanceof InstallError) throw error;
    throw new InstallError(
      `Cannot install to "${folder}": ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
}

function requireFlags(folder: string): void {
  const wanted: Deno.PermissionDescriptor[] = [
    { name: "read" },
    { name: "write", path: folder },
    { name: "sys", kind: "uid" },
  ];
  if (wanted.every(granted)) return;
  throw new InstallError(
    `Cannot install as it takes the flags --allow-read --allow-write=${folder} --allow-sys=uid`,
  );
}

function isInstalled(path: string, bytes: Uint8Array): boolean {
  try {
    const { isFile, mode, uid } = Deno.lstatSync(path);
    const found = Deno.readFileSync(path);
    return isFile && (mode! & 0o777) === FILE_MODE &&
      (uid === ROOT || uid === Deno.uid()) &&
      found.length === bytes.length &&
      found.every((byte, i) => byte === bytes[i]);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A mapped library is never written to in place: that would crash who has loaded it. */
function replace(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${Deno.pid}.tmp`;
  try {
    const file = Deno.openSync(temporary, {
      write: true,
      createNew: true,
      mode: FILE_MODE,
    });
    try {
      for (let done = 0; done < bytes.length;) {
        done += file.writeSync(bytes.subarray(done));
      }
      file.syncSync();
    } finally {
      file.close();
    }
    Deno.chmodSync(temporary, FILE_MODE); // whatever the umask took away
    Deno.renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function main(): number {
  const [folder, ...rest] = Deno.args;
  if (folder === undefined || rest.length > 0 || folder.startsWith("-")) {
    console.error(
      `usage: deno run --allow-read --allow-write=FOLDER --allow-sys=uid jsr:@vmfork/crng/install FOLDER
FOLDER is best ${
        SHIM_FOLDERS.join(" or ")
      }, where programs look by themselves.`,
    );
    return 2;
  }
  try {
    const path = install(folder);
    console.log(
      `installed ${path}\n\nRun programs with\n  deno run ${
        flagsFor(path)
      } PROGRAM`,
    );
    if (!SHIM_FOLDERS.some((known) => path.startsWith(`${known}/`))) {
      console.log(
        `and name it in them: configure({ shim: ${JSON.stringify(path)} })`,
      );
    }
    return 0;
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    console.error(error.message);
    return 1;
  }
}

if (import.meta.main) Deno.exit(main());
