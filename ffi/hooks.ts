import type { Timer } from "../crng/ports.ts";

/** The longest that a timer can be set to, in milliseconds: one that is set to more is over at once. */
export const MAX_TIMEOUT_MS: number = 2 ** 31 - 1;

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

  /** Begins all of them in order: a promise for each, which rejects with what the hook throws. */
  begin(): readonly Promise<void>[] {
    return [...this.#hooks].map(async ({ call }) => await call());
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
    await within(pending, limitMs, this.#timer, "the hook");
  }
}

/**
 * Waits for a promise, but not for ever.
 *
 * @throws {DOMException} A `TimeoutError`, if it takes longer
 */
export async function within<T>(
  pending: PromiseLike<T>,
  limitMs: number,
  timer: Timer,
  what: string,
): Promise<T> {
  const ended = new AbortController();
  const pauseMs = Math.min(limitMs, MAX_TIMEOUT_MS);
  const late = timer.pause(pauseMs, ended.signal).then((): never => {
    throw new DOMException(
      `Cannot wait for ${what} longer than ${limitMs} ms`,
      "TimeoutError",
    );
  });
  late.catch(() => {}); // also when it was ended, and nobody waits any more
  try {
    return await Promise.race([pending, late]);
  } finally {
    ended.abort();
  }
}
