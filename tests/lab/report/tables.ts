import type { SourceRepeats, SweepFigures, TableFigures } from "../figures.ts";
import { element, escape } from "./markup.ts";
import { count, duration, quantile } from "./numbers.ts";
import { inOrder } from "./repeats_chart.ts";

type Cell = TableFigures["rows"][number][number];

/** A table under its title; it may be wider than the page. */
export function table(title: string, { columns, rows }: TableFigures): string {
  const numeric = columns.map((_, i) =>
    rows.some((row) => typeof row[i] === "number")
  );
  const cells = (row: readonly Cell[]): string =>
    row.map((cell, i) =>
      element(
        i === 0 ? "th" : "td",
        {
          ...(i === 0 && { scope: "row" }),
          class: kind(cell, numeric[i]!),
        },
        show(cell),
      )
    ).join("");
  const heads = columns.map((column, i) =>
    element("th", {
      scope: "col",
      ...(numeric[i] && { class: "number" }),
    }, escape(column))
  );
  return element("h3", {}, escape(title)) + element(
    "div",
    { "class": "scroll", "tabindex": 0, "role": "region", "aria-label": title },
    element(
      "table",
      { "aria-label": title },
      element("thead", {}, element("tr", {}, ...heads)),
      element(
        "tbody",
        {},
        ...rows.map((row) => element("tr", {}, cells(row)) + "\n"),
      ),
    ),
  );
}

/** The figures behind the bars. */
export function repeatsTable(repeats: readonly SourceRepeats[]): string {
  return table("What two clones drew alike", {
    columns: [
      "source",
      "level",
      "draws",
      "in both",
      "in a row",
      "bytes",
      "parted after",
    ],
    rows: inOrder(repeats).map((row) => [
      row.source,
      row.level ?? "–",
      row.draws,
      row.equal,
      row.prefix,
      row.bytes,
      row.partedAfterMs === null
        ? "never"
        : row.equal === 0
        ? "at once"
        : duration(row.partedAfterMs),
    ]),
  });
}

/** The figures of the sweep. */
export function sweepTable(sweep: readonly SweepFigures[]): string {
  const spread = (ms: readonly number[] = []): string[] =>
    [0, 0.5, 1].map((share) =>
      ms.length === 0 ? "–" : duration(quantile(ms, share))
    );
  return table("The sweep: times from resume, as least, median and most", {
    columns: [
      "CPUs",
      "forks",
      "draws",
      "repeats",
      "in flight",
      "expected",
      "taken again",
      "kernel has reseeded",
      "first draw",
    ],
    rows: sweep.map(({ leadMs, firstDrawMs, ...figures }) => [
      figures.processors,
      figures.points,
      figures.records,
      figures.repeats,
      figures.straddling,
      figures.straddlingExpected,
      figures.missed ?? null,
      spread(leadMs).join(" / "),
      spread(firstDrawMs).join(" / "),
    ]),
  });
}

/** Long texts may break into lines, short ones not. */
function kind(cell: Cell, numeric: boolean): string {
  if (typeof cell === "string" && cell.length > 24) return "words";
  return numeric ? "number" : "short";
}

function show(cell: Cell): string {
  if (cell === null) return "–";
  if (cell === true) return "yes";
  if (cell === false) return "no";
  return typeof cell === "number" ? count(cell) : escape(cell);
}
