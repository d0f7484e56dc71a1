import type { LabReport, SourceRepeats, SweepFigures } from "../figures.ts";
import { count, duration, quantile } from "./numbers.ts";

/** One figure that stands for much. */
export interface Headline {
  readonly figure: string;
  readonly words: string;
  /** Whether it is as it should be. */
  readonly good: boolean;
}

/** What to read if one reads nothing else. */
export function summarize({ scenarios }: LabReport): Headline[] {
  const repeats = scenarios.flatMap(({ figures }) =>
    figures.clones?.repeats ?? []
  );
  const sweep = scenarios.flatMap(({ figures }) => figures.sweep ?? []);
  return [
    ...theirs(repeats),
    ...ours(repeats, sweep),
    ...race(sweep),
  ];
}

/** The runtimes' own generators: the one that repeats most. */
function theirs(repeats: readonly SourceRepeats[]): Headline[] {
  const [worst] = repeats
    .filter((row) => !row.ours && row.equal > 0)
    .toSorted((a, b) => b.equal - a.equal);
  if (worst === undefined) return [];
  const { equal, draws, source } = worst;
  return [{
    figure: count(equal),
    words: `of ${count(draws)} values of ${source} came out of both clones`,
    good: false,
  }];
}

/** All that was drawn at level `memory`. */
function ours(
  repeats: readonly SourceRepeats[],
  sweep: readonly SweepFigures[],
): Headline[] {
  const rows = [
    ...repeats.filter(({ ours, level }) => ours && level === "memory")
      .map(({ draws, equal }) => ({ draws, equal })),
    ...sweep.map((row) => ({ draws: row.records, equal: row.repeats })),
  ];
  if (rows.length === 0) return [];
  const sum = (key: "draws" | "equal"): number =>
    rows.reduce((total, row) => total + row[key], 0);
  return [{
    figure: count(sum("equal")),
    words: `of ${
      count(sum("draws"))
    } draws from vmfork, level memory, came out of another clone as well`,
    good: sum("equal") === 0,
  }];
}

function race(sweep: readonly SweepFigures[]): Headline[] {
  const leadMs = sweep.flatMap((row) => [...row.leadMs]);
  if (leadMs.length === 0) return [];
  return [{
    figure: duration(quantile(leadMs, 0.5)),
    words:
      "after resume the kernel has reseeded (median); the page shows the fork before the first instruction",
    good: false,
  }];
}
