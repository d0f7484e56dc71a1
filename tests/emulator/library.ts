/**
 * The emulator's functions in a process that was started with the library
 * preloaded.
 */

/** `clone.c`, in the same order. */
export const EMULATOR_SYMBOLS = {
  // int emulator_die_with_parent(void)
  emulator_die_with_parent: { parameters: [], result: "i32" },
  // int emulator_clone(void)
  emulator_clone: { parameters: [], result: "i32" },
  // int emulator_wait(int child)
  emulator_wait: { parameters: ["i32"], result: "i32" },
  // void emulator_exit(int code)
  emulator_exit: { parameters: ["i32"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

const LIBC_SYMBOLS = {
  // pid_t fork(void)
  fork: { parameters: [], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The program itself: names are found where its own calls go, in the preloaded library before libc. */
const RUNTIME = "";

const RUNTIME_SYMBOLS = {
  // pid_t getpid(void)
  getpid: { parameters: [], result: "i32" },
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap: {
    parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
    result: "pointer",
  },
  // int madvise(void *addr, size_t length, int advice)
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const PAGE_SIZE = 4096n;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MADV_WIPEONFORK = 18;

/** How the process is cloned. */
export type Door =
  /** As a machine is: nothing in the process learns of it. */
  | "machine"
  /** By libc's `fork()`, which tells whoever has asked by `pthread_atfork()`. */
  | "libc fork()"
  /** As a machine is, but with the two things to be seen that the emulator hides: the pid, and wiped pages. */
  | "visible";

/** What a program needs to clone itself. */
export interface Emulator {
  /** The process id that the runtime sees. */
  pid(): number;
  /** Whether a page that is to be wiped at a fork is as it was. */
  unwiped(): boolean;
  /** Clones the process: 0 in the second image, that one's pid in the first. */
  clone(): number;
  /** Ends this image at once; the first one waits for the second. */
  end(child: number): void;
}

/** Opens the preloaded library, which must be the very same file. */
export function openEmulator(path: string, door: Door): Emulator {
  const { symbols } = Deno.dlopen(path, EMULATOR_SYMBOLS);
  const runtime = Deno.dlopen(RUNTIME, RUNTIME_SYMBOLS).symbols;
  const fork = door === "libc fork()"
    ? Deno.dlopen("libc.so.6", LIBC_SYMBOLS).symbols.fork
    : symbols.emulator_clone;
  const page = openPage(runtime);
  page[0] = 1;
  // Everything is compiled and loaded before the clone.
  runtime.getpid();
  return {
    pid: () => runtime.getpid(),
    unwiped: () => page[0] === 1,
    clone() {
      const child = fork();
      if (child === 0) symbols.emulator_die_with_parent();
      return child;
    },
    end(child) {
      const failed = child !== 0 && symbols.emulator_wait(child) !== 0;
      symbols.emulator_exit(failed ? 1 : 0);
    },
  };
}

/** A page that BoringSSL and AWS-LC would know a fork by. */
function openPage(
  runtime: Deno.StaticForeignLibraryInterface<typeof RUNTIME_SYMBOLS>,
): Uint8Array {
  const flags = MAP_PRIVATE_ANONYMOUS;
  const page = runtime.mmap(null, PAGE_SIZE, PROT_READ_WRITE, flags, -1, 0n);
  if (
    page === null || runtime.madvise(page, PAGE_SIZE, MADV_WIPEONFORK) !== 0
  ) {
    throw new Error("Cannot have a page wiped at a fork");
  }
  return new Uint8Array(
    Deno.UnsafePointerView.getArrayBuffer(page, Number(PAGE_SIZE)),
  );
}
