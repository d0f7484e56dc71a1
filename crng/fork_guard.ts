import { ProtectionError, type ProtectionErrorCode } from "./errors.ts";

/** A function that is in flight at this many forks in a row is not one to run on this machine. */
const MAX_ATTEMPTS = 8;

/** Why a guarded value must not be used. */
export type GuardDoubt =
  & ProtectionErrorCode
  & ("forked" | "generation-unreadable" | "quiesced" | "closed");

const REASONS: Readonly<Record<GuardDoubt, string>> = {
  "forked": "the machine was forked since it was made",
  "generation-unreadable":
    "the source cannot answer: the machine may have been forked since it was made",
  "quiesced": "secrets are wiped for a snapshot, until resume()",
  "closed": "the generator that guards it is closed",
};

/**
 * Tells whether the machine was forked since the guard was made: for a value made before, at the moment of
 * its use. One look at the source a question. `forkGuard()` makes it.
 *
 * In doubt the answer is that it was: while the source cannot answer or the process is quiesced, once the
 * generator is closed, and after a quiesce, whether or not a fork fell into it.
 *
 * What has left the machine cannot be called back: a guard that was asked just before the snapshot has said
 * no in every clone.
 */
export class ForkGuard {
  /** Whether the source shows a fork before the first instruction after it; if not, `forked` may come late. */
  readonly timely: boolean;
  readonly #doubt: () => GuardDoubt | undefined;

  /**
   * Makes a guard; programs call `forkGuard()`.
   *
   * @param timely whether the source shows a fork at once
   * @param doubt why the value must not be used, if there is a reason
   */
  constructor(timely: boolean, doubt: () => GuardDoubt | undefined) {
    this.timely = timely;
    this.#doubt = doubt;
  }

  /** Whether the value must not be used. */
  get forked(): boolean {
    return this.#doubt() !== undefined;
  }

  /**
   * Does nothing if the value may be used.
   *
   * @throws {ProtectionError} With the code `forked`, `generation-unreadable`, `quiesced` or `closed`, if not
   */
  throwIfForked(): void {
    const doubt = this.#doubt();
    if (doubt === undefined) return;
    throw new ProtectionError(
      doubt,
      `Cannot use the value as ${REASONS[doubt]}`,
    );
  }
}

/**
 * Runs a function until no fork falls inside it. Nothing stands between the last look and the return of what
 * a synchronous one has given.
 *
 * @param open makes a guard
 * @param run the function; what it throws is passed on, unless a fork fell inside
 * @throws {ProtectionError} If a fork fell into each of eight runs
 */
export function runGuarded<T>(
  open: () => ForkGuard,
  run: (guard: ForkGuard) => T,
): T {
  let cause: unknown;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const guard = open();
    try {
      const result = run(guard);
      if (isPromise(result)) {
        return settle(open, run, guard, result, attempt) as T;
      }
      if (!guard.forked) return result;
    } catch (error) {
      if (!guard.forked) throw error;
      cause = error;
    }
  }
  throw unstable(cause);
}

/** The same from the first run on that gave a promise. */
async function settle<T>(
  open: () => ForkGuard,
  run: (guard: ForkGuard) => T,
  first: ForkGuard,
  pending: PromiseLike<unknown>,
  attempts: number,
): Promise<unknown> {
  let cause: unknown;
  let guard = first;
  let result: unknown = pending;
  for (let attempt = attempts;;) {
    try {
      const value = await result;
      if (!guard.forked) return value;
    } catch (error) {
      if (!guard.forked) throw error;
      cause = error;
    }
    if (++attempt > MAX_ATTEMPTS) throw unstable(cause);
    guard = open();
    result = attemptOf(run, guard);
  }
}

/** What the function gives, and also what it throws, as a promise. */
async function attemptOf<T>(
  run: (guard: ForkGuard) => T,
  guard: ForkGuard,
): Promise<unknown> {
  return await run(guard);
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

function unstable(cause: unknown): ProtectionError {
  return new ProtectionError(
    "generation-unstable",
    `Cannot finish as the machine was forked during each of ${MAX_ATTEMPTS} runs`,
    { cause },
  );
}
