import type { Figures } from "../figures.ts";
import type { Room } from "../room/room.ts";

export type { Figures } from "../figures.ts";

/** What the command line asks of a scenario. */
export interface ScenarioOptions {
  /** The small form, for CI. */
  readonly quick: boolean;
  /** How many clones, where a scenario has a choice. */
  readonly clones?: number;
  /** How many snapshots, where a scenario has a choice. */
  readonly points?: number;
}

/** One experiment: it returns its figures, or throws an assertion's error. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  /** One line for `--list`. */
  readonly title: string;
  /** Whether it is part of `--quick`. */
  readonly quick: boolean;
  /** Runs it. */
  run(room: Room, options: ScenarioOptions): Promise<Figures>;
}
