import type { VmForkEvent } from "./listeners.ts";
import {
  changedBy,
  countOf,
  type GenerationSource,
  wasQuiesced,
} from "./ports.ts";

/** How long after a page has shown a fork a late source may show the same one, in milliseconds. */
const SAME_FORK_MS = 1_000;
/** What the end of a quiesce is called; it is no fork. */
const RESUME = "resume";
/** What `notifyFork()` is called. */
const NOTIFY_FORK = "notifyFork";
/** Sources that show a fork only some time after it. */
const LATE: ReadonlySet<string> = new Set(["acpi-events", "generation-file"]);

/** What one watcher of a source has seen, so that it tells of each fork once. */
export class ForkHistory {
  #known = 0;
  /** Begun while the process was quiesced: what is seen first may be a fork of that time. */
  #quiesced = false;
  #pageTold = -Infinity;

  /** The count at the last note; 0 before the first. */
  get known(): number {
    return this.#known;
  }

  /**
   * What to tell of a count; nothing if it is the known one, if a quiesce has ended and that is all, or if a
   * late source shows what a page has shown before.
   *
   * @param source whose count it is
   * @param after the count
   * @param when the time, in milliseconds
   */
  event(
    source: GenerationSource,
    after: number,
    when: number,
  ): VmForkEvent | undefined {
    // There is no count from before the resume: what is seen last is it, or a fork after it.
    const before = this.#quiesced ? after - 1 : this.#known;
    if (before === 0 || after === before) return undefined;
    const by = withoutResumes(changedBy(source, before, after));
    if (by === "") return undefined;
    if (isLate(by) && when - this.#pageTold < SAME_FORK_MS) return undefined;
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
    if (count > 0) this.#quiesced = false;
    if (told !== undefined && isPage(told.source)) this.#pageTold = told.when;
  }

  /**
   * Takes the first count as known, or that there is none to be had while the process is quiesced.
   *
   * @param source whose count it is
   * @param count the count
   */
  begin(source: GenerationSource, count: number): void {
    this.note(count);
    this.#quiesced = count === 0 && wasQuiesced(source, countOf);
  }
}

/** A fork that a source has shown at once; the program itself is none. */
function isPage(by: string): boolean {
  return !isLate(by) && by !== NOTIFY_FORK;
}

/** Each place once, without the ends of quiesces, which are no forks. */
function withoutResumes(by: string): string {
  const names = new Set(by.split("+"));
  names.delete(RESUME);
  return [...names].join("+");
}

function isLate(by: string): boolean {
  return by.split("+").every((name) => LATE.has(name));
}
