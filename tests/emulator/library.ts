/**
 * The emulator's functions in a process that was started with the library
 * preloaded.
 */

/** `clone.c`, in the same order. */
export const EMULATOR_SYMBOLS = {
  // int getpid(void)
  getpid: { parameters: [], result: "i32" },
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

/** How the process is cloned. */
export type Door =
  /** As a machine is: nothing in the process learns of it. */
  | "machine"
  /** By libc's `fork()`, which tells whoever has asked by `pthread_atfork()`. */
  | "libc fork()";

/** What a program needs to clone itself. */
export interface Emulator {
  /** The process id that the program sees. */
  pid(): number;
  /** Clones the process: 0 in the second image, that one's pid in the first. */
  clone(): number;
  /** Ends this image at once; the first one waits for the second. */
  end(child: number): void;
}

/** Opens the preloaded library, which must be the very same file. */
export function openEmulator(path: string, door: Door): Emulator {
  const { symbols } = Deno.dlopen(path, EMULATOR_SYMBOLS);
  const fork = door === "machine"
    ? symbols.emulator_clone
    : Deno.dlopen("libc.so.6", LIBC_SYMBOLS).symbols.fork;
  // Everything is compiled and loaded before the clone.
  symbols.getpid();
  return {
    pid: () => symbols.getpid(),
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
