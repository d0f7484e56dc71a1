import type { Timer } from "../crng/ports.ts";

/** Called before a snapshot, to wipe secrets, or after it. It may be asynchronous. */
export type QuiesceHook = () => void | PromiseLike<void>;

/** The program's hooks, in order of registration. */
export class Hooks {
  readonly #timer: Timer;
  readonly #hooks: Set<{ readonly call: QuiesceHook }> = new Set();

  constructor(timer: Timer) {
    this.#timer = timer;
  }

  /**
   * @throws {TypeError} If it is not a function
   */
  add(call: QuiesceHook): () => void {
    if (typeof call !== "function") {
      throw new TypeError("Cannot add the hook as it is not a function");
    }
    const entry = { call };
    this.#hooks.add(entry);
    return () => void this.#hooks.delete(entry);
  }

  /**
   * Begins all of them in order, and waits for them together. Never rejects.
   *
   * @param limitMs how long each may take, in milliseconds
   * @returns what those have thrown that failed; a `TimeoutError` for one that took too long
   */
  async run(limitMs: number): Promise<readonly unknown[]> {
    const ends = await Promise.allSettled(
      [...this.#hooks].map(({ call }) => this.#limited(call, limitMs)),
    );
    return ends.flatMap((end) => end.status === "rejected" ? [end.reason] : []);
  }

  async #limited(call: QuiesceHook, limitMs: number): Promise<void> {
    const pending = call();
    // One that is not asynchronous is over: no timer for it.
    if (pending === undefined) return;
    const ended = new AbortController();
    const late = this.#timer.pause(limitMs, ended.signal).then(() => {
      if (ended.signal.aborted) return;
      throw new DOMException(
        `Cannot wait for the hook longer than ${limitMs} ms`,
        "TimeoutError",
      );
    });
    try {
      await Promise.race([pending, late]);
    } finally {
      ended.abort();
    }
  }
}
