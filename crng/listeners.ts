/** What a listener is told of a VM fork; never the unique id. */
export interface VmForkEvent {
  /** The source's count before the fork. */
  readonly before: number;
  /** The source's count after it; equal to `before` when `notifyFork()` told of the fork. */
  readonly after: number;
  /**
   * Where it was seen: the source's name, several joined with `+`, or `"notifyFork"`. Where the count moved more
   * often than is remembered while nobody looked, it names all that it may have been: then it may have been none.
   */
  readonly source: string;
  /** When the generator reseeded, in milliseconds of its clock. */
  readonly when: number;
}

/** Called after the generator has reseeded, in a microtask, never inside a draw. */
export type VmForkListener = (event: VmForkEvent) => void;

interface Entry {
  readonly call: VmForkListener;
  /** By its owner, who is not to hear of what was found before either. */
  removed: boolean;
}

/** The listeners of one generator, in order of registration. */
export class VmForkListeners {
  readonly #listeners: Set<Entry> = new Set();

  /** How many there are. */
  get size(): number {
    return this.#listeners.size;
  }

  add(call: VmForkListener): () => void {
    if (typeof call !== "function") {
      throw new TypeError("Cannot listen as the listener is not a function");
    }
    const entry: Entry = { call, removed: false };
    this.#listeners.add(entry);
    return () => {
      entry.removed = true;
      this.#listeners.delete(entry);
    };
  }

  /** Calls all in one microtask. What they throw goes uncaught, but only after the last has run. */
  notify(event: VmForkEvent): void {
    const told = [...this.#listeners];
    queueMicrotask(() => {
      for (const entry of told) {
        try {
          if (!entry.removed) entry.call(event);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    });
  }

  /** Forgets all; they are still told of what was found before. */
  clear(): void {
    this.#listeners.clear();
  }
}
