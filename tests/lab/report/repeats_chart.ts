import type { SourceRepeats } from "../figures.ts";
import { chart, element, text } from "./markup.ts";
import { count, duration, power } from "./numbers.ts";

const LEVELS = ["memory", "hedged", "kernel"];
const TOP = 4;
const AXIS = 50;
/** From zero, which a logarithmic scale does not have, to one. */
const ZERO_TO_ONE = 34;

/** Where things are; on a phone, names and values stand above the bars. */
interface Layout {
  readonly width: number;
  readonly stacked: boolean;
  readonly row: number;
  readonly bar: number;
  /** Zero. */
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  /** The place of a number. */
  x(value: number): number;
}

/** The sources in the chart's order: most repeats first, ours last, by level. */
export function inOrder(
  repeats: readonly SourceRepeats[],
): readonly SourceRepeats[] {
  const level = (row: SourceRepeats): number => LEVELS.indexOf(row.level ?? "");
  return repeats.toSorted((a, b) =>
    Number(a.ours) - Number(b.ours) || level(a) - level(b) || b.equal - a.equal
  );
}

/** Values that both clones drew, a bar for each source, on a logarithmic scale. */
export function repeatsChart(
  repeats: readonly SourceRepeats[],
  width: number,
): string {
  const rows = inOrder(repeats);
  const most = Math.max(10, ...rows.map(({ draws }) => draws));
  const layout = layOut(rows.length, most, width);
  const { left, right, bottom } = layout;
  return chart(
    width,
    bottom + AXIS,
    {
      title: "Values that both clones drew, by source",
      description: rows.map((row) => `${sourceName(row)}: ${outcome(row)}`)
        .join(". "),
    },
    ...ticks(most).map((value) =>
      text(layout.x(value), bottom + 16, power(value), "quiet small middle")
    ),
    text(
      left,
      bottom + 38,
      "values that both clones drew: ×10 a step",
      "quiet small",
    ),
    ...rows.map((row, i) => {
      const y = TOP + i * layout.row;
      return grid(ticks(most), y, layout) + bar(row, y, layout);
    }),
    element("line", {
      class: "grid",
      x1: left,
      x2: right,
      y1: bottom,
      y2: bottom,
    }),
  );
}

/** With the level, for ours. */
export function sourceName(
  { source, level }: Pick<SourceRepeats, "source" | "level">,
): string {
  return level === undefined ? source : `${source}, level ${level}`;
}

/** What became of it, in words. */
export function outcome(
  { equal, draws, partedAfterMs }: SourceRepeats,
): string {
  if (equal === 0) return `0 of ${count(draws)}`;
  const parted = partedAfterMs === null
    ? "never parted"
    : `parted after ${duration(partedAfterMs)}`;
  return `${count(equal)} of ${count(draws)}, ${parted}`;
}

function layOut(rows: number, most: number, width: number): Layout {
  const stacked = width < 600;
  const row = stacked ? 46 : 29;
  const left = stacked ? 8 : 352;
  const right = stacked ? width - 8 : width - 270;
  const one = left + ZERO_TO_ONE;
  return {
    width,
    stacked,
    row,
    bar: 15,
    left,
    right,
    bottom: TOP + rows * row + 4,
    x: (value) =>
      value < 1
        ? left
        : one + (right - one) * Math.log10(value) / Math.log10(most),
  };
}

function ticks(most: number): number[] {
  const powers = [0, 1];
  while (powers.at(-1)! * 10 <= most) powers.push(powers.at(-1)! * 10);
  return powers;
}

/** The grid behind one bar: it must not cross the words. */
function grid(values: number[], y: number, layout: Layout): string {
  const { stacked, row } = layout;
  return values.map((value) => {
    const x = layout.x(value);
    const y1 = stacked ? y + 20 : y;
    return element("line", { class: "grid", x1: x, x2: x, y1, y2: y + row });
  }).join("");
}

function bar(row: SourceRepeats, y: number, layout: Layout): string {
  const { stacked, width, left } = layout;
  const top = stacked ? y + 22 : y + 7;
  const middle = top + layout.bar / 2;
  const mark = row.equal === 0
    ? element("circle", { class: "ring", cx: left, cy: middle, r: 6 })
    : element("rect", {
      class: "same",
      x: left,
      y: top,
      width: layout.x(row.equal) - left,
      height: layout.bar,
      rx: 2,
    });
  const line = stacked ? y + 15 : middle + 5;
  const value = stacked
    ? `${count(row.equal)} of ${count(row.draws)}`
    : outcome(row);
  const name = row.level === undefined
    ? row.source
    : `${row.source} (${row.level})`;
  return mark + text(0, line, name, row.ours ? "fit strong" : "fit") +
    text(
      width,
      line,
      value,
      `fit end ${row.equal === 0 ? "apart" : "same"}`,
    );
}
