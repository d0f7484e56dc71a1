import type {
  ClonesFigures,
  Figures,
  LabReport,
  ScenarioResult,
  SweepFigures,
} from "../figures.ts";
import { element, escape, responsive } from "./markup.ts";
import { count, duration } from "./numbers.ts";
import { raceChart, type Runner } from "./race_chart.ts";
import { repeatsChart } from "./repeats_chart.ts";
import { stripsChart } from "./strips_chart.ts";
import { PAGE_STYLE } from "./style.ts";
import { summarize } from "./summary.ts";
import { repeatsTable, sweepTable, table } from "./tables.ts";

/** The whole report: one file that needs no other and no network. */
export function page(report: LabReport): string {
  // What has pictures first.
  const order = report.scenarios.toSorted((a, b) =>
    rank(a.figures) - rank(b.figures)
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>vmfork: VM forks, measured</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
${intro(report)}
${order.map(scenario).join("\n")}
${colophon(report)}
</main>
</body>
</html>
`;
}

const KERNELS_OWN = "getrandom(2)";
const KERNELS_NOTE =
  `<p class="quiet">A zero of getrandom(2) proves nothing here: under emulation a runtime is slower than the kernel's
handler, and asks too late to get what the other clone got. A program of 50 instructions asks at once: see
<a href="#scenario-first-draw">the first draw after resume</a>.</p>`;

function rank({ clones, sweep }: Figures): number {
  return clones !== undefined ? 0 : sweep !== undefined ? 1 : 2;
}

function intro(report: LabReport): string {
  const { scenarios, date } = report;
  const failed = scenarios.filter(({ passed }) => !passed).length;
  const tiles = summarize(report).map(({ figure, words, good }) =>
    element(
      "div",
      { class: "tile" },
      element("b", { class: good ? "is-apart" : "is-same" }, escape(figure)),
      escape(words),
    )
  );
  return `<h1>VM forks, measured</h1>
<p>A running virtual machine is written to a file, and several machines go on from it: clones, each with the same
memory, and each believing to be the only one. Here is what programs that were running at that moment then drew as
random values.</p>
${element("div", { class: "tiles" }, ...tiles)}
<p>${verdict(scenarios.length, failed)}, on ${
    element("time", { datetime: date }, escape(date.slice(0, 10)))
  }.</p>`;
}

function verdict(all: number, failed: number): string {
  if (failed === 0) {
    return all === 1 ? "The scenario holds" : `All ${all} scenarios hold`;
  }
  return element(
    "strong",
    { class: "is-same" },
    failed === 1
      ? `1 of ${all} scenarios does not hold`
      : `${failed} of ${all} scenarios do not hold`,
  );
}

function scenario(result: ScenarioResult): string {
  const { name, title, passed, seconds, error, figures } = result;
  const { clones, sweep, tables = [] } = figures;
  return element(
    "section",
    { "aria-labelledby": `scenario-${name}` },
    element("h2", { id: `scenario-${name}` }, escape(title)),
    element(
      "p",
      { class: "quiet" },
      element(
        "span",
        { class: `badge ${passed ? "is-apart" : "is-same"}` },
        passed ? "holds" : "does not hold",
      ),
      ` <code>--only ${escape(name)}</code>, ${duration(seconds * 1_000)}`,
    ),
    error === undefined ? "" : element("p", { class: "error" }, escape(error)),
    clones === undefined ? "" : clonesSection(clones),
    sweep === undefined ? "" : sweepSection(sweep),
    ...tables.map((figure) => table(figure.title, figure)),
  );
}

function clonesSection(figures: ClonesFigures): string {
  const { repeats, strips } = figures;
  return `<h3>What both clones drew</h3>
<p>How many values came out of both of two clones, which drew back to back from the fork on.</p>
<figure>${responsive((width) => repeatsChart(repeats, width))}</figure>
${
    repeats.some(({ source }) => source.startsWith(KERNELS_OWN))
      ? KERNELS_NOTE
      : ""
  }
<details><summary>The same as a table</summary>${
    repeatsTable(repeats)
  }</details>
${
    strips.length === 0 ? "" : `<h3>Where the outputs part</h3>
<p>The bytes that two clones drew, one row a clone, a cell a byte. The line is the fork.</p>
<ul class="legend"><li style="--key:var(--before)">before the fork</li><li style="--key:var(--same)">the same in both
clones</li><li style="--key:var(--apart)">different</li></ul>
<figure>${stripsChart(figures)}</figure>`
  }`;
}

function sweepSection(sweep: readonly SweepFigures[]): string {
  const leadMs = sweep.flatMap((figures) => [...figures.leadMs]);
  const firstDrawMs = sweep.flatMap(({ firstDrawMs = [] }) => [...firstDrawMs]);
  const runners: Runner[] = [
    { name: "the kernel has reseeded", kind: "same", ms: leadMs },
    { name: "vmfork's first draw is there", kind: "apart", ms: firstDrawMs },
  ];
  const sum = (key: "points" | "records" | "repeats"): number =>
    sweep.reduce((total, figures) => total + figures[key], 0);
  return `<p>${
    count(sum("points"))
  } snapshots at random moments of a program that draws without pause;
${count(sum("records"))} draws compared, ${count(sum("repeats"))} repeats.</p>
${
    leadMs.length === 0 ? "" : `<h3>The reseed race</h3>
<p>The hypervisor changes the page before the first instruction after resume: no draw that starts later can miss the
fork. The kernel is told by an interrupt and reseeds its own generator when it gets to it: until then,
<code>getrandom()</code> may still give both clones the same.</p>
<figure>${responsive((width) => raceChart(runners, width))}</figure>`
  }${sweepTable(sweep)}`;
}

function colophon({ date, command, versions, retries }: LabReport): string {
  const rows: [string, string][] = [
    ["Command", `<code>${escape(command)}</code>`],
    ["Date", escape(date)],
    ...Object.entries(versions).map(([name, version]): [string, string] => [
      escape(name),
      escape(version),
    ]),
    ["Machines that fell silent or failed, started again", count(retries)],
  ];
  const list = rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`);
  return `<h2>How this was made</h2><dl>${list.join("\n")}</dl>`;
}
