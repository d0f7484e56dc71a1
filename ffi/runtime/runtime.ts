import type { ShimFile } from "../shim/embedded.ts";
import type { Shim } from "../shim/shim.ts";
import type { Timer } from "../../crng/ports.ts";

/** Why there is no shim in this realm, and what would give it one. */
export interface NoShim {
  /** What stood in the way. */
  readonly reason: string;
  /** What would have to be granted or changed. */
  readonly remedy: string;
}

/** A file that is read bit by bit. */
export interface DeviceFile {
  /** The device's number, as `stat()` tells it; undefined if it is no character device. */
  readonly device: number | undefined;
  /** Reads into the array; how many bytes, 0 at the end. */
  read(into: Uint8Array): number;
  /** Closes it. */
  close(): void;
}

/** The program lacks the right to load or read a file; no one was asked for it. */
export class MissingRight extends Error {
  /** The file. */
  readonly path: string;

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot use "${path}" as the right to do so is missing`, options);
    this.path = path;
  }
}

/** What systems call their errors; the runtimes' own codes have an underscore. */
const ERRNO = /^E[A-Z0-9]+$/;

/** The errno by which the system has refused something; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  const code = String((error as { code?: unknown } | null)?.code);
  return ERRNO.test(code) ? code : undefined;
}

/**
 * Why a shim that nobody named is passed over: the file system refuses to read it, as where the folder was made for
 * another user. That is no reason to end a program that draws, but it is to be told.
 *
 * @throws The error, if it is none of the file system's
 */
export function unreadable(path: string, error: unknown): NoShim {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return {
    reason: `the shim at "${path}" cannot be read: ${errno}`,
    remedy:
      "a file there that this user can read, in folders that it may enter",
  };
}

/**
 * What the library asks of the runtime around it. Nothing here ever prompts: an adapter uses what is
 * granted, and throws {@linkcode MissingRight} for the rest.
 */
export interface Runtime {
  /** The operating system, by Deno's names: `"linux"`. */
  readonly os: string;
  /** The architecture, by Deno's names: `"x86_64"`, `"aarch64"`. */
  readonly arch: string;
  /** The flags that loading the shim at this path takes. */
  flagsFor(path: string): string;
  /** The flag that reading this file takes. */
  readFlag(path: string): string;
  /** The flags that installing to this folder takes, if one of them is missing. */
  missingInstallFlags(folder: string): string | undefined;
  /** An environment variable, if it is set and may be read. */
  variable(name: string): string | undefined;
  /**
   * Loads the shim at a path, after a look at its bytes.
   *
   * @throws {MissingRight} If a right is missing
   * @throws {ShimError} If it is another file, or cannot be loaded
   */
  openShim(path: string, file: ShimFile): Shim;
  /**
   * Loads the shim from where it is when nobody names a path. One that cannot be read is passed over, and is the
   * reason if there is no other.
   */
  findShim(file: ShimFile): Shim | NoShim;
  /** Timers. */
  readonly timer: Timer;
  /** Opens a device for reading; undefined if it or the right to do so is missing, the system's own rights too. */
  openDevice(path: string): DeviceFile | undefined;
}
