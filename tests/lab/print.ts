/** Figures as a person reads them in a terminal. */

import type { Figures, SweepFigures, TableFigures } from "./figures.ts";
import { median } from "./scenarios/median.ts";

type Cell = string | number | boolean | null;

/** The lines that show a scenario's figures. */
export function describeFigures(figures: Figures): string[] {
  const { clones, sweep, tables = [] } = figures;
  return [
    ...(clones === undefined ? [] : layOut({
      columns: [
        "source",
        "level",
        "draws",
        "equal",
        "in a row",
        "bytes repeated",
        "parted after ms",
      ],
      rows: clones.repeats.map((row) => [
        row.source,
        row.level ?? "",
        row.draws,
        row.equal,
        row.prefix,
        row.bytes,
        row.partedAfterMs && rounded(row.partedAfterMs),
      ]),
    })),
    ...(sweep === undefined ? [] : layOut({
      columns: [
        "processors",
        "points",
        "records",
        "repeats",
        "straddling",
        "expected",
        "taken again",
        "kernel reseeded after ms",
        "first draw after ms",
      ],
      rows: sweep.map(sweepRow),
    })),
    ...tables.flatMap((table) => [`${table.title}:`, ...layOut(table)]),
  ];
}

function sweepRow(figures: SweepFigures): Cell[] {
  return [
    figures.processors,
    figures.points,
    figures.records,
    figures.repeats,
    figures.straddling,
    rounded(figures.straddlingExpected),
    figures.missed ?? null,
    spread(figures.leadMs),
    spread(figures.firstDrawMs ?? []),
  ];
}

/** The least, the median and the most. */
function spread(values: readonly number[]): string {
  if (values.length === 0) return "none";
  return [Math.min(...values), median(values), Math.max(...values)]
    .map((ms) => ms.toFixed(0)).join(", ");
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function layOut({ columns, rows }: TableFigures): string[] {
  const texts = [columns, ...rows].map((row) =>
    row.map((cell) => typeof cell === "number" ? grouped(cell) : show(cell))
  );
  const widths = columns.map((_, i) =>
    Math.max(...texts.map((row) => row[i]?.length ?? 0))
  );
  return texts.map((row, line) =>
    row.map((text, i) => {
      const number = line === 0
        ? typeof rows[0]?.[i] === "number"
        : typeof rows[line - 1]?.[i] === "number";
      const width = widths[i] ?? 0;
      return number ? text.padStart(width) : text.padEnd(width);
    }).join("  ").trimEnd()
  );
}

function show(cell: Cell): string {
  if (cell === true) return "yes";
  if (cell === false) return "no";
  return String(cell ?? "never");
}

function grouped(value: number): string {
  return value.toLocaleString("en");
}
