/**
 * What scenarios measure: the contract between the scenarios, which fill it in, and the report, which
 * draws it. `lab/report.json` is one {@linkcode LabReport}.
 *
 * @module
 */

/** One source of random values, drawn back to back in two clones. */
export interface SourceRepeats {
  /** For example `"Deno crypto.randomUUID()"` or `"vmfork, injection"`. */
  readonly source: string;
  /** Whether it is ours. */
  readonly ours: boolean;
  /** The protection level, for ours. */
  readonly level?: string;
  /** How many draws were compared. */
  readonly draws: number;
  /** How many of them were in both clones. */
  readonly equal: number;
  /** How many were equal in a row from the first after the fork. */
  readonly prefix: number;
  /** Bytes in the equal draws. */
  readonly bytes: number;
  /**
   * Milliseconds from the first draw after the fork to the one after which no draw stands in the other clone, at
   * whatever place; null if the streams never parted.
   */
  readonly partedAfterMs: number | null;
}

/** The start of two clones' output as bytes, for a picture: `fork` is the index where the clones begin. */
export interface Strips {
  readonly source: string;
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly fork: number;
}

export interface ClonesFigures {
  readonly repeats: readonly SourceRepeats[];
  readonly strips: readonly Strips[];
}

export interface SweepFigures {
  readonly points: number;
  readonly processors: number;
  readonly records: number;
  /** Records whose count before is the new one and that stand in another clone or the source. */
  readonly repeats: number;
  /** Records in flight at the snapshot whose last check had run. */
  readonly straddling: number;
  /**
   * A rough estimate of how many of those to expect: points times the part of the time between two draws that one look
   * of the library takes. The stretch from its load to the witness's is shorter or longer than that by what the emulator
   * makes of both.
   */
  readonly straddlingExpected: number;
  /** Points taken again, since the source had drawn on for too long to be compared; not among the points. */
  readonly missed?: number;
  /**
   * Milliseconds by which the page was ahead of the kernel's "reseeded" line, one for each point: from
   * resume, since the page shows the change before the first instruction.
   */
  readonly leadMs: readonly number[];
  /** Milliseconds from resume to the end of the first draw that saw the page, one for each point. */
  readonly firstDrawMs?: readonly number[];
}

/** A table of named values, for scenarios that need no picture of their own. */
export interface TableFigures {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | boolean | null)[])[];
}

/** What one scenario returns. Any part may be missing. */
export interface Figures {
  readonly clones?: ClonesFigures;
  readonly sweep?: readonly SweepFigures[];
  readonly tables?: readonly (TableFigures & { readonly title: string })[];
}

export interface ScenarioResult {
  readonly name: string;
  readonly title: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** Why it failed. */
  readonly error?: string;
  readonly figures: Figures;
}

export interface LabReport {
  /** ISO 8601, UTC. */
  readonly date: string;
  /** The command that made it. */
  readonly command: string;
  /** Of QEMU, each kernel, Deno, Node, the package. */
  readonly versions: Readonly<Record<string, string>>;
  /** Machines that fell silent or failed and were started again, with their scenario where it had begun. */
  readonly retries: number;
  readonly scenarios: readonly ScenarioResult[];
}
