import type { ShimFile } from "../shim/embedded.ts";
import { SHIM_SYMBOLS, ShimError } from "../shim/shim.ts";

// <linux/memfd.h>, <linux/fcntl.h>: the same on x86-64 and arm64.
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
const ALL_SEALS = 15;
/** Descriptors looked at for a copy that another realm of this process has made. */
const MAX_DESCRIPTOR = 1024;
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
 * Loads the shim from a sealed memory file, for programs with `--allow-ffi` and no path: nothing is
 * written to a disk, and once sealed nobody can change what was loaded.
 *
 * One memory file serves the whole process: the dynamic loader knows a file by its inode, so all realms
 * share one count and one mapping, as they do with an installed shim. It stays open for that.
 *
 * @throws {ShimError} If the C library or the kernel refuses
 */
export function loadMemfd(
  file: ShimFile,
  bytes: Uint8Array<ArrayBuffer>,
): Deno.DynamicLibrary<typeof SHIM_SYMBOLS> {
  const libc = openLibc();
  try {
    const descriptor = findMemfd(libc.symbols, file, bytes) ??
      createMemfd(libc.symbols, file, bytes);
    return Deno.dlopen(`/proc/self/fd/${descriptor}`, SHIM_SYMBOLS);
  } finally {
    libc.close();
  }
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
): number | undefined {
  const target = `/memfd:${file.name} (deleted)`;
  const link = new Uint8Array(MAX_LINK);
  for (let descriptor = 3; descriptor < MAX_DESCRIPTOR; descriptor++) {
    const path = new TextEncoder().encode(`/proc/self/fd/${descriptor}\0`);
    const length = Number(libc.readlink(path, link, BigInt(MAX_LINK)));
    if (length !== target.length) continue;
    if (new TextDecoder().decode(link.subarray(0, length)) !== target) continue;
    if (libc.fcntl(descriptor, F_GET_SEALS, 0) !== ALL_SEALS) continue;
    if (hasBytes(libc, descriptor, bytes)) return descriptor;
  }
  return undefined;
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
