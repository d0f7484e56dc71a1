import type { VmForkEvent } from "./listeners.ts";

/** How long after a page has shown a fork a late source may show the same one, in milliseconds. */
const SAME_FORK_MS = 1_000;
/** What the end of a quiesce is called; it is no fork. */
const RESUME = "resume";
/** Sources that show a fork only some time after it. */
const LATE: ReadonlySet<string> = new Set(["acpi-events", "generation-file"]);

/** What one watcher of a source has seen, so that it tells of each fork once. */
export class ForkHistory {
  #known = 0;
  #pageTold = -Infinity;

  /** The count at the last note; 0 before the first. */
  get known(): number {
    return this.#known;
  }

  /**
   * What to tell of a count; nothing if it is the known one, if a quiesce has ended and that is all, or if a
   * late source shows what a page has shown before.
   *
   * @param after the count
   * @param by where its last change was seen
   * @param when the time, in milliseconds
   */
  event(after: number, by: string, when: number): VmForkEvent | undefined {
    const before = this.#known;
    if (before === 0 || after === before) return undefined;
    // More than one step may hide a fork behind what was seen last.
    if (after - before === 1) {
      if (by === RESUME) return undefined;
      if (isLate(by) && when - this.#pageTold < SAME_FORK_MS) return undefined;
    }
    return { before, after, source: by, when };
  }

  /**
   * Takes the count as known.
   *
   * @param count the count
   * @param told what was told of it, if anything
   */
  note(count: number, told?: VmForkEvent): void {
    this.#known = count;
    if (told !== undefined && !isLate(told.source)) this.#pageTold = told.when;
  }
}

function isLate(by: string): boolean {
  return by.split("+").every((name) => LATE.has(name));
}
