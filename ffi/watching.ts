import type { WatchOptions } from "../crng/fork_watcher.ts";
import type { VmForkEvent, VmForkListener } from "../crng/listeners.ts";
import { thisRealm } from "./this_realm.ts";

/**
 * Adds a listener for VM forks: clones, restores and rollbacks of this machine. It is called in a microtask,
 * once a fork, in order of registration, after the default generator has reseeded, whether a draw, a look every
 * 100 ms, or `notifyFork()` found the fork; one that throws does not stop the others, and what it throws goes
 * uncaught. It stays when `configure()` takes another machine, and when the default generator is closed.
 *
 * Watching does not keep the process alive, unless `wait` asks for it. A fork is learnt of by a look after it:
 * for what was made before, use `forkGuard()` at the moment of use. The end of a quiesce alone is no fork. What
 * only a late source shows within 1,000 ms after a page has told of a fork counts as the same one. Where
 * `protection().source` is `"none"`, only `notifyFork()` calls listeners.
 *
 * @param listener what to call, with the counts before and after, where the fork was seen, and when
 * @param options `wait`: look every 20 ms, and keep the process alive; `signal`: removes the listener
 * @returns a function that removes it; a second call does nothing
 * @throws {TypeError} If the listener is not a function, or an option is of another type
 * @throws {ProtectionError} If a shim or descriptor that was named cannot be used
 * @example
 * ```ts
 * import { getRandom, onVmFork } from "@vmfork/crng";
 *
 * let key = getRandom(32);
 * const remove = onVmFork(({ source }) => {
 *   key.fill(0);
 *   key = getRandom(32);
 *   console.log(`a new key: ${source} shows a fork`);
 * });
 * remove();
 * ```
 */
export function onVmFork(
  listener: VmForkListener,
  options: WatchOptions = {},
): () => void {
  checkWatchOptions(options);
  return thisRealm.watcher.add(listener, options);
}

/** Forks of this machine, one after the other; {@linkcode watchForks} makes it. */
export interface ForkWatch extends AsyncIterableIterator<VmForkEvent> {
  /** Waits for the next fork; done once the watch has ended. */
  next(): Promise<IteratorResult<VmForkEvent, undefined>>;
  /** Ends the watch, and what waits for it. */
  return(): Promise<IteratorResult<VmForkEvent, undefined>>;
  /** The watch itself. */
  [Symbol.asyncIterator](): ForkWatch;
  /** The same as `return()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Watches for VM forks as {@linkcode onVmFork} does, from the call on; forks that nobody asks for yet are kept.
 * The watch ends, without an error, when the loop over it does or `signal` is aborted.
 *
 * Without `wait` it does not keep the process alive: a program that does nothing else ends. With a top-level await
 * or `for await` over it Deno 2.9 goes on all the same, and Node ends with exit code 13.
 *
 * @param options `wait`: look every 20 ms, and keep the process alive; `signal`: ends the watch
 * @returns the forks, to be looped over
 * @throws {TypeError} If an option is of another type
 * @throws {ProtectionError} If a shim or descriptor that was named cannot be used
 * @example
 * ```ts
 * import { watchForks } from "@vmfork/crng";
 *
 * async function dropSessions(signal: AbortSignal): Promise<void> {
 *   for await (const { before, after } of watchForks({ signal, wait: true })) {
 *     console.log(`forked: the count went from ${before} to ${after}`);
 *   }
 * }
 * await dropSessions(AbortSignal.timeout(10));
 * ```
 */
export function watchForks(options: WatchOptions = {}): ForkWatch {
  checkWatchOptions(options);
  return new QueuedWatch(options);
}

const DONE: IteratorResult<VmForkEvent, undefined> = {
  done: true,
  value: undefined,
};

/** Not a generator function: its `return()` would wait for the next fork. */
class QueuedWatch implements ForkWatch {
  readonly #remove: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #events: VmForkEvent[] = [];
  readonly #asked:
    ((result: IteratorResult<VmForkEvent, undefined>) => void)[] = [];
  readonly #aborted = (): void => this.#end();
  #ended = false;

  constructor({ wait = false, signal }: WatchOptions) {
    this.#remove = thisRealm.watcher.add((event) => this.#give(event), {
      wait,
    });
    this.#signal = signal;
    if (signal?.aborted) this.#end();
    else signal?.addEventListener("abort", this.#aborted);
  }

  next(): Promise<IteratorResult<VmForkEvent, undefined>> {
    const value = this.#events.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  return(): Promise<IteratorResult<VmForkEvent, undefined>> {
    this.#end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  #give(value: VmForkEvent): void {
    const resolve = this.#asked.shift();
    if (resolve === undefined) this.#events.push(value);
    else resolve({ done: false, value });
  }

  #end(): void {
    this.#ended = true;
    this.#remove();
    this.#signal?.removeEventListener("abort", this.#aborted);
    this.#events.length = 0;
    for (const resolve of this.#asked.splice(0)) resolve(DONE);
  }
}

function checkWatchOptions({ wait, signal }: WatchOptions): void {
  if (wait !== undefined && typeof wait !== "boolean") {
    throw invalid("wait", "boolean");
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid("signal", "AbortSignal");
  }
}

function invalid(option: string, type: string): TypeError {
  return new TypeError(
    `Cannot watch as the option "${option}" must be of the type ${type}`,
  );
}
