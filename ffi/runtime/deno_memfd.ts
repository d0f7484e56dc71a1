import type { ShimFile } from "../shim/embedded.ts";
import { cString, ShimError } from "../shim/shim.ts";

// <linux/memfd.h>, <linux/fcntl.h>: the same on x86-64 and arm64.
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_GETFL = 3;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
const ALL_SEALS = 15;
/** Descriptors looked at for a copy that another realm of this process has made. */
const MAX_DESCRIPTOR = 65_536;
/** So many unused numbers in a row are the end: the kernel gives out the lowest that is free. */
const MAX_GAP = 1024;
const MAX_LINK = 128;

// <fcntl.h>, <sys/file.h>: the same on x86-64 and arm64.
const O_RDONLY_CLOEXEC = 0o2000000;
const O_ACCMODE = 3;
const O_RDWR = 2;
const LOCK_EX_NB = 2 | 4;
/** What all realms of this process lock while they make a copy; other users may not open it. */
const LOCK_PATH = "/proc/self/fd";
/** Milliseconds to wait for another realm; a Worker that was ended in the middle never gives the lock back. */
const LOCK_TRIES = 5000;

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
  // int open(const char *path, int flags);
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // int flock(int fd, int operation);
  flock: { parameters: ["i32", "i32"], result: "i32" },
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

/** The copy of another realm, or else our own. Without the lock two realms could make one each. */
function sharedMemfd(
  libc: Libc,
  file: ShimFile,
  bytes: Uint8Array<ArrayBuffer>,
): number {
  const found = findMemfd(libc, file, bytes);
  if (found !== undefined) return found;
  const lock = takeLock(libc);
  try {
    return findMemfd(libc, file, bytes) ?? createMemfd(libc, file, bytes);
  } finally {
    if (lock >= 0) libc.close(lock); // which gives it back
  }
}

/**
 * The descriptor that holds the lock; negative without `/proc`, where no copy could be found either. If the lock
 * is never given back, it is done without: a second copy is worse than one, and none at all worse than both.
 */
function takeLock(libc: Libc): number {
  const descriptor = libc.open(cString(LOCK_PATH), O_RDONLY_CLOEXEC);
  if (descriptor < 0) return descriptor;
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    if (libc.flock(descriptor, LOCK_EX_NB) === 0) break;
    Atomics.wait(sleep, 0, 0, 1);
  }
  return descriptor;
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
    cString(file.name),
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
): number | undefined {
  let gap = 0;
  for (let fd = 3; fd < MAX_DESCRIPTOR && gap < MAX_GAP; fd++) {
    const target = readLink(libc, `/proc/self/fd/${fd}`);
    gap = target === undefined ? gap + 1 : 0;
    if (
      target === `/memfd:${file.name} (deleted)` &&
      isOriginal(libc, fd) && isSealed(libc, fd) && hasBytes(libc, fd, bytes)
    ) return fd;
  }
  return undefined;
}

function readLink(libc: Libc, path: string): string | undefined {
  const link = new Uint8Array(MAX_LINK);
  const length = Number(
    libc.readlink(cString(path), link, BigInt(MAX_LINK)),
  );
  if (length < 0) return undefined;
  return new TextDecoder().decode(link.subarray(0, length));
}

/**
 * Whether it is what memfd_create() gave, which stays open. While the dynamic loader of another thread maps a copy,
 * it has a descriptor of its own on the same file, for reading and for that moment only.
 */
function isOriginal(libc: Libc, descriptor: number): boolean {
  const flags = libc.fcntl(descriptor, F_GETFL, 0);
  return flags >= 0 && (flags & O_ACCMODE) === O_RDWR;
}

function isSealed(libc: Libc, descriptor: number): boolean {
  const seals = libc.fcntl(descriptor, F_GET_SEALS, 0);
  // The kernel may add seals of its own (vm.memfd_noexec).
  return seals >= 0 && (seals & ALL_SEALS) === ALL_SEALS;
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
