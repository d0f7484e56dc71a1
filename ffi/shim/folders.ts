import { builtin } from "../runtime/node_process.ts";

const WRITABLE_BY_OTHERS = 0o022;
/** In a folder with this bit, such as /tmp, nobody can replace what belongs to someone else. */
const STICKY = 0o1000;
const ROOT = 0;

/** Whether a file's owner is root, or the user. */
export function isTrustedOwner(owner: number, uid: number): boolean {
  return owner === ROOT || owner === uid;
}

/**
 * Says why someone other than root and one user could change what lies in a folder: its own owner and mode,
 * and those of every folder above it.
 *
 * @param real the folder's path, without links
 * @param uid the user
 * @returns the first problem found, or undefined
 */
export function writableByOthers(
  real: string,
  uid: number,
): string | undefined {
  const parts = real.split("/").filter((part) => part !== "");
  for (let depth = parts.length; depth >= 0; depth--) {
    const path = `/${parts.slice(0, depth).join("/")}`;
    const { uid: owner, mode } = builtin("node:fs").lstatSync(path);
    if (!isTrustedOwner(owner, uid)) {
      return `"${path}" belongs to another user: its uid is ${owner}`;
    }
    const safe = (mode & WRITABLE_BY_OTHERS) === 0 ||
      (depth < parts.length && (mode & STICKY) !== 0);
    if (!safe) {
      return `others can write to "${path}": its mode is 0${
        (mode & 0o7777).toString(8)
      }`;
    }
  }
  return undefined;
}

/** The nearest folder above a path that is there, without links. */
export function nearestFolder(path: string): string {
  for (let at = path;; at = above(at)) {
    const real = realIfThere(at);
    if (real !== undefined) return real;
  }
}

/** What is not there of a path, the outermost folder first. */
export function missingFolders(path: string): string[] {
  const missing: string[] = [];
  for (let at = path; realIfThere(at) === undefined; at = above(at)) {
    missing.unshift(at);
  }
  return missing;
}

function above(path: string): string {
  return path.replace(/\/*[^/]+\/*$/, "") ||
    (path.startsWith("/") ? "/" : ".");
}

function realIfThere(path: string): string | undefined {
  try {
    return builtin("node:fs").realpathSync(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}
