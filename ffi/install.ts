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

import { thisRuntime } from "./runtime/mod.ts";
import { builtin, nodeProcess } from "./runtime/node_process.ts";
import {
  isTrustedOwner,
  missingFolders,
  nearestFolder,
  writableByOthers,
} from "./shim/folders.ts";
import { flagsFor, SHIM_FOLDERS, shimBytes, shimFile } from "./shim/load.ts";

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
 * mode 0555, then a rename. The folder is made if it is missing, with mode 0755 so that every program can
 * load the shim; one that is there keeps its mode. A second call finds the file and is content.
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
    const { os, arch } = thisRuntime();
    throw new InstallError(
      `Cannot install as there is no shim for ${os} on ${arch}`,
    );
  }
  requireFlags(folder);
  try {
    const fs = builtin("node:fs");
    makeFolders(folder);
    const real = fs.realpathSync(folder);
    requireOwnFolders(real);
    requireFlags(real); // a link may lead to where nothing is granted
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
  const flags = thisRuntime().missingInstallFlags(folder);
  if (flags === undefined) return;
  throw new InstallError(`Cannot install as it takes the flags ${flags}`);
}

/** The installing user; root where the system knows no users. */
function thisUser(): number {
  return nodeProcess()?.getuid?.() ?? ROOT;
}

/** Makes what is missing of a path. */
function makeFolders(folder: string): void {
  const missing = missingFolders(folder);
  requireFlags(missing[0] ?? folder);
  for (const path of missing) {
    requireOwnFolders(nearestFolder(path)); // before anything is made below it
    // Whatever the umask took away; what another program has made meanwhile stays as it is.
    if (makeFolder(path)) builtin("node:fs").chmodSync(path, FOLDER_MODE);
  }
}

/** Returns false if it is there. */
function makeFolder(path: string): boolean {
  try {
    builtin("node:fs").mkdirSync(path, { mode: FOLDER_MODE });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw error;
  }
}

function requireOwnFolders(folder: string): void {
  const problem = writableByOthers(folder, thisUser());
  if (problem === undefined) return;
  throw new InstallError(`Cannot install to "${folder}" as ${problem}`);
}

function isInstalled(path: string, bytes: Uint8Array): boolean {
  try {
    const fs = builtin("node:fs");
    const stat = fs.lstatSync(path);
    const found = fs.readFileSync(path);
    return stat.isFile() && (stat.mode & 0o777) === FILE_MODE &&
      isTrustedOwner(stat.uid, thisUser()) &&
      found.length === bytes.length &&
      found.every((byte, i) => byte === bytes[i]);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
}

/** A mapped library is never written to in place: that would crash who has loaded it. */
function replace(path: string, bytes: Uint8Array): void {
  const fs = builtin("node:fs");
  const temporary = `${path}.${nodeProcess()?.pid}-${Date.now()}.tmp`;
  const file = fs.openSync(temporary, "wx", FILE_MODE);
  try {
    writeWhole(file, bytes);
    fs.chmodSync(temporary, FILE_MODE); // whatever the umask took away
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  const fs = builtin("node:fs");
  try {
    for (let done = 0; done < bytes.length;) {
      done += fs.writeSync(file, bytes, done);
    }
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

function main(args: readonly string[]): number {
  const [folder, ...rest] = args;
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

// A command in Deno only: an npm package brings the file along.
if (import.meta.main && "Deno" in globalThis) {
  const process = nodeProcess()!;
  process.exitCode = main(process.argv.slice(2));
}
