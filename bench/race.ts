import type { Contestant } from "./measure.ts";

/** A time that was measured: of a single result, or of a draw of so many bytes. */
export type Time = string | readonly [size: number, name: string];

/** A goal of the project: `ours` must be at most `limit` times `theirs`, a time or so many nanoseconds. */
export interface Goal {
  readonly name: string;
  readonly ours: Time;
  readonly theirs: Time | number;
  readonly limit: number;
}

/** What is raced in one runtime. */
export interface Race {
  /** The runtime and its version. */
  readonly runtime: string;
  /** Everything that draws `size` bytes; the first is ours. */
  drawing(size: number): Contestant[];
  /** Everything that gives a single result. */
  readonly single: readonly Contestant[];
  /** What is to be reached at level `memory`. */
  readonly goals: readonly Goal[];
}
