/** What a listener is told of a VM fork; never the unique id. */
export interface VmForkEvent {
  /** The source's count before the fork. */
  readonly before: number;
  /** The source's count after it; equal to `before` when `notifyFork()` told of the fork. */
  readonly after: number;
  /** The name of the source, or `"notifyFork"`. */
  readonly source: string;
  /** When the generator reseeded, in milliseconds of its clock. */
  readonly when: number;
}

/** Called after the generator has reseeded, in a microtask, never inside a draw. */
export type VmForkListener = (event: VmForkEvent) => void;

/** The listeners of one generator, in order of registration. */
export class VmForkListeners {
  readonly #listeners: Set<{ readonly call: VmForkListener }> = new Set();

  add(call: VmForkListener): () => void {
    if (typeof call !== "function") {
      throw new TypeError("Cannot listen as the listener is not a function");
    }
    const entry = { call };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** One microtask each, so that one that throws does not stop the others. */
  notify(event: VmForkEvent): void {
    for (const entry of this.#listeners) {
      queueMicrotask(() => {
        if (this.#listeners.has(entry)) entry.call(event);
      });
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
