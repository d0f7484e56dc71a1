import { ForkHistory } from "./fork_history.ts";
import {
  type VmForkEvent,
  type VmForkListener,
  VmForkListeners,
} from "./listeners.ts";
import {
  type Clock,
  countOf,
  type GenerationSource,
  type Timer,
} from "./ports.ts";

/** How long to rest where a wait for a change has brought nothing new, in milliseconds. */
const REST_MS = 50;
/** The length of the rests that keep the process alive in a wait: any will do. */
const ALIVE_MS = 3_600_000;

/** How to watch for forks. */
export interface WatchOptions {
  /**
   * Waits for a change of the source instead of looking every 100 ms: the listener learns of a fork sooner, and the
   * process stays alive for it. @default {false}
   */
  readonly wait?: boolean;
  /** Ends the watch. @default {nothing does} */
  readonly signal?: AbortSignal;
}

/** What a {@linkcode ForkWatcher} looks at. */
export interface WatchedPorts {
  /** Where forks show. */
  readonly source: GenerationSource;
  /** Monotonic time. */
  readonly clock: Clock;
  /** Gives the source back. */
  release(): void;
}

/**
 * Watches a source for listeners who are to learn of a fork though nobody draws. It looks when it is told to,
 * by `tick()`, or waits for a change; it has a source of its own only while there are listeners. A generator
 * that follows is made to reseed before they are called.
 *
 * @example
 * ```ts
 * import { ForkWatcher } from "@vmfork/crng/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const machine = new SimulatedMachine();
 * const { source, clock } = machine.ports();
 * const timer = { every: () => () => {}, pause: () => Promise.resolve() };
 * const watcher = new ForkWatcher(() => ({ source, clock, release() {} }), timer);
 * const remove = watcher.add((event) => console.log(event.source));
 * machine.fork();
 * watcher.tick();
 * remove();
 * ```
 */
export class ForkWatcher {
  readonly #open: () => WatchedPorts;
  readonly #timer: Timer;
  readonly #listeners = new VmForkListeners();
  #history = new ForkHistory();
  #ports: WatchedPorts | undefined;
  #waiters = 0;
  #waiting: AbortController | undefined;
  #generator: (() => unknown) | undefined;

  /**
   * Makes a watcher that looks at nothing yet.
   *
   * @param open takes a source into use, when there are listeners
   * @param timer for rests, between waits and to keep the process alive in them
   */
  constructor(open: () => WatchedPorts, timer: Timer) {
    this.#open = open;
    this.#timer = timer;
  }

  /** Whether there are listeners, for whom `tick()` must be called. */
  get active(): boolean {
    return this.#ports !== undefined;
  }

  /**
   * Sets the generator that is to reseed before listeners are called.
   *
   * @param check its `check()`
   */
  follow(check: (() => unknown) | undefined): void {
    this.#generator = check;
  }

  /**
   * Adds a listener: in a microtask, in order of registration, once a fork.
   *
   * @param listener what to call
   * @param options how to watch
   * @returns a function that removes it
   * @throws {TypeError} If it is not a function
   */
  add(listener: VmForkListener, options: WatchOptions = {}): () => void {
    const { wait = false, signal } = options;
    const forget = this.#listeners.add(listener);
    let removed = false;
    const remove = (): void => {
      if (removed) return;
      removed = true;
      signal?.removeEventListener("abort", remove);
      forget();
      if (wait) this.#waiters--;
      this.#settle();
    };
    if (wait) this.#waiters++;
    try {
      this.#settle();
    } catch (error) {
      remove();
      throw error;
    }
    if (signal?.aborted) remove();
    else signal?.addEventListener("abort", remove);
    return remove;
  }

  /** Looks. Never throws: where the source cannot answer, draws say so. */
  tick(): void {
    if (this.#ports === undefined) return;
    try {
      const { source, clock } = this.#ports;
      const after = countOf(source);
      if (!(after > 0) || after === this.#history.known) return;
      const event = this.#history.event(source, after, clock.now());
      this.#reseed();
      this.#tell(after, event);
    } catch {
      // A source of the program's own: the next look may do better.
    }
  }

  /** Passes on what the generator has found, unless it was told already. */
  relay(event: VmForkEvent): void {
    if (this.#ports === undefined) return;
    const { known } = this.#history;
    if (event.source === "notifyFork") {
      this.#listeners.notify(event); // its count may be of the source before
    } else if (known === 0) {
      this.#tell(event.after, event);
    } else if (event.after > known) { // or a look has told of it
      const { after, when } = event;
      const { source } = this.#ports;
      this.#tell(after, this.#history.event(source, after, when));
    }
  }

  /** Takes another source into use, after a last look at the one before. */
  reopen(): void {
    if (this.#ports === undefined) return;
    this.tick();
    const before = this.#ports;
    this.#ports = this.#opened();
    this.#stopWaiting();
    before.release();
    this.#settle();
  }

  #tell(after: number, event: VmForkEvent | undefined): void {
    if (event !== undefined) this.#listeners.notify(event);
    this.#history.note(after, event);
  }

  /** Listeners are called after the generator has reseeded; if it cannot, its draws throw. */
  #reseed(): void {
    try {
      this.#generator?.();
    } catch {
      // They are called all the same.
    }
  }

  /** Opens, waits or closes, by what listeners there are. */
  #settle(): void {
    if (this.#listeners.size === 0) {
      this.#stopWaiting();
      this.#ports?.release();
      this.#ports = undefined;
      return;
    }
    this.#ports ??= this.#opened();
    if (this.#waiters === 0) this.#stopWaiting();
    else if (this.#waiting === undefined) {
      this.#waiting = new AbortController();
      const { signal } = this.#waiting;
      void this.#stayAlive(signal);
      void this.#wait(this.#ports.source, signal);
    }
  }

  #opened(): WatchedPorts {
    const ports = this.#open();
    const { source } = ports;
    this.#history = new ForkHistory();
    try {
      this.#history.begin(source, countOf(source));
    } catch (error) {
      ports.release();
      throw error;
    }
    return ports;
  }

  #stopWaiting(): void {
    this.#waiting?.abort();
    this.#waiting = undefined;
  }

  /** A source's own wait may hold nothing that does: that of a machine without any source does not. */
  async #stayAlive(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.#timer.pause(ALIVE_MS, signal);
  }

  /** Never rejects. */
  async #wait(source: GenerationSource, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { known } = this.#history;
      try {
        if (known !== 0) await source.changed(known, signal);
      } catch {
        // Aborted, or no wait can be had: then a look after each rest.
      }
      if (signal.aborted) return;
      this.tick();
      // Quiesced or unreadable: a wait would end at once.
      if (this.#history.known === known) {
        await this.#timer.pause(REST_MS, signal);
      }
    }
  }
}
