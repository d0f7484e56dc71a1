import type { ShimFile } from "../shim/embedded.ts";
import { ShimError } from "../shim/shim.ts";

// <linux/memfd.h>, <linux/fcntl.h>: the same on x86-64 and arm64.
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
const ALL_SEALS = 15;
/** Descriptors looked at for a copy that another realm of this process has made. */
const MAX_DESCRIPTOR = 65_536;
/** So many unused numbers in a row are the end: the kernel gives out the lowest that is free. */
const MAX_GAP = 1024;
/** Milliseconds to wait for a realm that is just writing its copy. */
const SEAL_TRIES = 50;
const MAX_LINK = 128;

const LIBC_SYMBOLS = {
  // int memfd_create(const char *name, unsigned int flags);
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t count);
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // ssize_t pread(int fd, void *buf, size_t count, off_t offset);
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  // int fcntl(int fd, int cmd, int arg);
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // ssize_t readlink(const char *path, char *buf, size_t bufsiz);
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  // int close(int fd);
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof LIBC_SYMBOLS>["symbols"];

/**
 * A path of the shim in a sealed memory file, for programs with `--allow-ffi` and no path: nothing is written
 * to a disk, and once sealed nobody can change what was loaded.
 *
 * One memory file serves the whole process, so that all realms share one count and one mapping, as they do
 * with an installed shim. It stays open for that.
 *
 * @throws {ShimError} If the C library or the kernel refuses
 */
export function memfdPath(
  file: ShimFile,
  bytes: Uint8Array<ArrayBuffer>,
): string {
  const libc = openLibc();
  try {
    const descriptor = sharedMemfd(libc.symbols, file, bytes);
    // The dynamic loader knows a library by its path first. Others may have loaded theirs from this
    // descriptor's number and closed it since; nobody else spells the path like this.
    return `/proc/self/fd/./${descriptor}`;
  } finally {
    libc.close();
  }
}

/**
 * The memory file with the lowest number, made if there is none. Realms that make one at the same time look
 * again once theirs is sealed, and wait for a lower one that is still being written.
 */
function sharedMemfd(
  libc: Libc,
  file: ShimFile,
  bytes: Uint8Array<ArrayBuffer>,
): number {
  const found = findMemfd(libc, file, bytes, MAX_DESCRIPTOR);
  if (found !== undefined) return found;
  const own = createMemfd(libc, file, bytes);
  const lower = findMemfd(libc, file, bytes, own);
  if (lower === undefined) return own;
  libc.close(own);
  return lower;
}

function openLibc(): Deno.DynamicLibrary<typeof LIBC_SYMBOLS> {
  try {
    return Deno.dlopen("libc.so.6", LIBC_SYMBOLS);
  } catch (cause) {
    throw new ShimError("load", "the C library has no memfd_create()", {
      cause,
    });
  }
}

function createMemfd(
  libc: Libc,
  file: ShimFile,
  bytes: Uint8Array<ArrayBuffer>,
): number {
  const descriptor = libc.memfd_create(
    new TextEncoder().encode(`${file.name}\0`),
    MFD_CLOEXEC | MFD_ALLOW_SEALING,
  );
  if (descriptor < 0) throw new ShimError("load", "memfd_create() failed");
  if (
    !writeAll(libc, descriptor, bytes) ||
    libc.fcntl(descriptor, F_ADD_SEALS, ALL_SEALS) !== 0
  ) {
    libc.close(descriptor);
    throw new ShimError(
      "load",
      "the memory file could not be written and sealed",
    );
  }
  return descriptor;
}

function writeAll(
  libc: Libc,
  descriptor: number,
  bytes: Uint8Array<ArrayBuffer>,
): boolean {
  for (let done = 0; done < bytes.length;) {
    const rest = bytes.slice(done);
    const count = Number(libc.write(descriptor, rest, BigInt(rest.length)));
    if (count <= 0) return false;
    done += count;
  }
  return true;
}

/** The copy that another realm has made: known by its name, trusted for its seals and its bytes. */
function findMemfd(
  libc: Libc,
  file: ShimFile,
  bytes: Uint8Array<ArrayBuffer>,
  below: number,
): number | undefined {
  let gap = 0;
  for (let descriptor = 3; descriptor < below && gap < MAX_GAP; descriptor++) {
    const target = readLink(libc, `/proc/self/fd/${descriptor}`);
    gap = target === undefined ? gap + 1 : 0;
    if (
      target === `/memfd:${file.name} (deleted)` &&
      isSealed(libc, descriptor) && hasBytes(libc, descriptor, bytes)
    ) return descriptor;
  }
  return undefined;
}

function readLink(libc: Libc, path: string): string | undefined {
  const link = new Uint8Array(MAX_LINK);
  const name = new TextEncoder().encode(`${path}\0`);
  const length = Number(libc.readlink(name, link, BigInt(MAX_LINK)));
  if (length < 0) return undefined;
  return new TextDecoder().decode(link.subarray(0, length));
}

/** Waits a little for a realm that is just writing it. */
function isSealed(libc: Libc, descriptor: number): boolean {
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < SEAL_TRIES; tries++) {
    const seals = libc.fcntl(descriptor, F_GET_SEALS, 0);
    if (seals < 0) return false;
    // The kernel may add seals of its own (vm.memfd_noexec).
    if ((seals & ALL_SEALS) === ALL_SEALS) return true;
    Atomics.wait(sleep, 0, 0, 1);
  }
  return false;
}

function hasBytes(
  libc: Libc,
  descriptor: number,
  wanted: Uint8Array<ArrayBuffer>,
): boolean {
  // One byte more than wanted: a longer file is another file.
  const found = new Uint8Array(wanted.length + 1);
  const count = Number(
    libc.pread(descriptor, found, BigInt(found.length), 0n),
  );
  return count === wanted.length &&
    wanted.every((byte, i) => byte === found[i]);
}
