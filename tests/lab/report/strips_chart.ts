import type { ClonesFigures, SourceRepeats, Strips } from "../figures.ts";
import { element, escape } from "./markup.ts";
import { count } from "./numbers.ts";
import { sourceName } from "./repeats_chart.ts";

const BEFORE = 24;
const AFTER = 72;
const ROW = 10;
const GAP = 2;
const LEVELS = 8;
/** Fewer equal bytes in a row are chance: four are, with a probability of 2^-32. */
const RUN = 4;

/** The verdict to hope for. */
export const AT_THE_FORK = "part at the fork";

/** What of two clones' output is shown. */
export interface Cells {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly fork: number;
  /** For each byte, whether it is in a run that both clones have. */
  readonly same: readonly boolean[];
}

/** One source's strips. */
export interface NamedStrips {
  readonly name: string;
  readonly ours: boolean;
  readonly cells: Cells;
  /** Where the clones part, in words. */
  readonly verdict: string;
}

/** The bytes around the fork. */
export function cellsOf({ a, b, fork }: Strips): Cells {
  const from = Math.max(0, fork - BEFORE);
  const to = Math.min(a.length, b.length, fork + AFTER);
  const [left, right] = [a.slice(from, to), b.slice(from, to)];
  return { a: left, b: right, fork: fork - from, same: runs(left, right) };
}

/** Two rows of cells, a clone each; it may be stretched. */
export function stripsCells({ a, b, fork, same }: Cells): string {
  const row = (bytes: readonly number[], y: number): string[] => {
    const paths = new Map<string, string>();
    bytes.forEach((byte, i) => {
      const kind = i < fork ? "before" : same[i] ? "same" : "apart";
      const key = `${kind} ${byte * LEVELS >> 8}`;
      paths.set(key, `${paths.get(key) ?? ""}M${i} ${y}h1v${ROW}h-1z`);
    });
    return [...paths].map(([key, d]) => {
      const [kind = "", level] = key.split(" ");
      const opacity = 0.22 + 0.78 * Number(level) / (LEVELS - 1);
      return element("path", { "class": kind, "fill-opacity": opacity, d });
    });
  };
  return element(
    "svg",
    {
      "viewBox": `0 0 ${a.length} ${2 * ROW + GAP}`,
      "preserveAspectRatio": "none",
      "aria-hidden": "true",
    },
    ...row(a, 0),
    ...row(b, ROW + GAP),
  );
}

/** Where the clones part, in words. */
function verdict(
  { same, fork }: Cells,
  row: SourceRepeats | undefined,
): string {
  const after = same.slice(fork);
  const end = after.indexOf(false);
  if (end !== -1) {
    // One stream is some draws ahead of the other: side by side they only look different.
    if (row !== undefined && row.equal > row.prefix) {
      return `are shifted, ${count(row.equal)} draws in both`;
    }
    return after.includes(true)
      ? `part ${end} bytes after the fork`
      : AT_THE_FORK;
  }
  // The strips end first: the figures know.
  if (row === undefined) return "the same as far as shown";
  return row.partedAfterMs === null
    ? "never part"
    : `the same for ${count(row.prefix)} draws`;
}

/** The strips, each with its source's name and level. */
export function named({ repeats, strips }: ClonesFigures): NamedStrips[] {
  return strips.map((strip, i) => {
    // In the same order: one name may stand for several levels.
    const row = repeats[i]?.source === strip.source
      ? repeats[i]
      : repeats.find(({ source }) => source === strip.source);
    const cells = cellsOf(strip);
    return {
      name: row === undefined ? strip.source : sourceName(row),
      ours: row?.ours ?? false,
      cells,
      verdict: verdict(cells, row),
    };
  });
}

/** Every source's strips, one below the other. */
export function stripsChart(figures: ClonesFigures): string {
  return named(figures).map(({ name, cells, verdict }) => {
    const share = 100 * cells.fork / Math.max(1, cells.a.length);
    return element(
      "div",
      {
        "class": "strips",
        "role": "img",
        "aria-label": `${name}: the two clones ${verdict}`,
      },
      element(
        "div",
        { class: "strips-head" },
        element("span", {}, escape(name)),
        element("span", {
          class: verdict === AT_THE_FORK ? "is-apart" : "is-same",
        }, verdict),
      ),
      element(
        "div",
        { class: "strips-cells" },
        element("i", { style: `left:${share.toFixed(2)}%` }),
        stripsCells(cells),
      ),
    );
  }).join("\n");
}

function runs(a: readonly number[], b: readonly number[]): boolean[] {
  const same = a.map((byte, i) => byte === b[i]);
  for (let start = 0; start < same.length;) {
    let end = start;
    while (same[end]) end++;
    if (end - start < RUN) same.fill(false, start, end);
    start = end + 1;
  }
  return same;
}
