import type { ClonesFigures, LabReport } from "../figures.ts";
import { element, escape, text } from "./markup.ts";
import { outcome, repeatsChart, sourceName } from "./repeats_chart.ts";
import {
  AT_THE_FORK,
  named,
  type NamedStrips,
  stripsCells,
} from "./strips_chart.ts";
import { CHART_STYLE, themeStyle } from "./theme.ts";

const WIDTH = 860;
const MARGIN = 26;
const INNER = WIDTH - 2 * MARGIN;
const STRIP = 92;

/**
 * The README's main picture, or nothing where no clones were measured: a file
 * of its own, which brings its background along, as a page's theme and the
 * reader's preference may differ.
 */
export function picture({ scenarios }: LabReport): string | undefined {
  const figures = scenarios.find(({ figures }) => figures.clones)?.figures;
  if (figures?.clones === undefined) return undefined;
  const { repeats } = figures.clones;
  const shown = chosen(figures.clones);
  const parts: string[] = [];
  let y = 44;
  parts.push(text(0, y, "One running VM, cloned", "title"));
  y += 26;
  parts.push(text(
    0,
    y,
    "What two clones of it drew next, a row each and a cell a byte: the same, or different?",
    "quiet",
  ));
  y += 34;
  for (const strips of shown) {
    parts.push(strip(strips, y));
    y += STRIP;
  }
  if (shown.length > 0) parts.push(legend(y));
  y += 62;
  parts.push(text(0, y, "Values that both clones drew", "strong"));
  y += 12;
  const bars = repeatsChart(repeats, INNER);
  const height = Number(/viewBox="0 0 \S+ (\S+)"/.exec(bars)?.[1]);
  parts.push(place(bars, 0, y, INNER, height));
  const total = Math.ceil(y + height + MARGIN);
  const words = repeats.map((row) => `${sourceName(row)}: ${outcome(row)}`);
  return element(
    "svg",
    {
      "xmlns": "http://www.w3.org/2000/svg",
      "viewBox": `0 0 ${WIDTH} ${total}`,
      "width": WIDTH,
      "height": total,
      "role": "img",
      "aria-labelledby": "title description",
    },
    `<title id="title">What two clones of one running VM drew alike</title>`,
    element("desc", { id: "description" }, escape(words.join(". "))),
    `<style>${
      themeStyle("svg")
    }${CHART_STYLE}.title{font-size:24px;font-weight:600}.paper{fill:var(--page);stroke:var(--line)}</style>`,
    element("rect", {
      class: "paper",
      x: 0.5,
      y: 0.5,
      width: WIDTH - 1,
      height: total - 1,
      rx: 12,
    }),
    element("g", { transform: `translate(${MARGIN} 0)` }, ...parts),
  ) + "\n";
}

/** One that never parts and ours: the two that tell the story. */
function chosen(figures: ClonesFigures): NamedStrips[] {
  const all = named(figures);
  const repeating = all.find(({ ours, cells }) =>
    !ours && !cells.same.slice(cells.fork).includes(false)
  );
  const parting = all.find(({ ours, verdict }) =>
    ours && verdict === AT_THE_FORK
  );
  return [repeating, parting].filter((strips) => strips !== undefined);
}

function strip({ name, cells, verdict }: NamedStrips, y: number): string {
  const at = INNER * cells.fork / Math.max(1, cells.a.length);
  const kind = verdict === AT_THE_FORK ? "apart" : "same";
  return text(0, y, name, "strong") + text(INNER, y, verdict, `end ${kind}`) +
    place(stripsCells(cells), 0, y + 12, INNER, 50) +
    element("line", { class: "fork", x1: at, x2: at, y1: y + 6, y2: y + 68 });
}

function legend(y: number): string {
  const items = [
    ["before", "before the fork"],
    ["same", "the same in both clones"],
    ["apart", "different"],
  ] as const;
  let x = 0;
  return items.map(([kind, words]) => {
    const item =
      element("rect", { class: kind, x, y: y - 11, width: 12, height: 12 }) +
      text(x + 19, y, words, "quiet small");
    x += 44 + words.length * 7.2;
    return item;
  }).join("");
}

/** A chart as a part of another. */
function place(
  svg: string,
  x: number,
  y: number,
  width: number,
  height: number,
): string {
  return svg.replace(
    "<svg ",
    `<svg x="${x}" y="${y}" width="${width}" height="${height}" `,
  );
}
