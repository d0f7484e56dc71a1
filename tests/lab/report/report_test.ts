import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClonesFigures, LabReport, SourceRepeats } from "../figures.ts";
import { writeReport } from "./mod.ts";
import { page } from "./page.ts";
import { picture } from "./picture.ts";
import { inOrder, repeatsChart } from "./repeats_chart.ts";
import { named } from "./strips_chart.ts";
import { summarize } from "./summary.ts";

// Made up: small numbers that no measurement gives.

const THEIRS: SourceRepeats = {
  source: "theirs <&>",
  ours: false,
  draws: 100,
  equal: 7,
  prefix: 7,
  bytes: 112,
  partedAfterMs: 3,
};
const OURS: SourceRepeats = {
  source: "ours",
  ours: true,
  level: "memory",
  draws: 100,
  equal: 0,
  prefix: 0,
  bytes: 0,
  partedAfterMs: 0,
};
const SHARED = [1, 2, 3, 4, 5, 6, 7, 8];

const CLONES: ClonesFigures = {
  repeats: [THEIRS, OURS],
  strips: [
    { source: THEIRS.source, a: SHARED, b: SHARED, fork: 2 },
    { source: "ours", a: SHARED, b: [1, 2, 9, 9, 9, 9, 9, 9], fork: 2 },
  ],
};

const REPORT: LabReport = {
  date: "2000-01-01T00:00:00.000Z",
  command: "deno task lab --only 'a<b'",
  versions: { Something: "1.2" },
  retries: 2,
  scenarios: [
    {
      name: "table",
      title: "A table",
      passed: false,
      error: "1 < 2 & <script>",
      seconds: 1,
      figures: {
        tables: [{
          title: "T",
          columns: ["a", "b"],
          rows: [["x", 1], [null, true]],
        }],
      },
    },
    {
      name: "clones",
      title: "Clones",
      passed: true,
      seconds: 2,
      figures: { clones: CLONES },
    },
    {
      name: "sweep",
      title: "Sweep",
      passed: true,
      seconds: 3,
      figures: {
        sweep: [{
          points: 3,
          processors: 1,
          records: 50,
          repeats: 0,
          straddling: 1,
          straddlingExpected: 1.5,
          missed: 4,
          leadMs: [1, 2, 400],
          firstDrawMs: [3, 2, -1],
        }],
      },
    },
  ],
};

const EMPTY: LabReport = { ...REPORT, scenarios: [] };

describe("page()", () => {
  const html = page(REPORT);

  it("needs no other file and no network", () => {
    assert.doesNotMatch(html, /\b(src|href)=|url\(|@import|<script/);
  });

  it("shows text as text", () => {
    assert.ok(html.includes("1 &lt; 2 &amp; &lt;script&gt;"));
    assert.ok(html.includes("theirs &lt;&amp;&gt;"));
    assert.ok(!html.includes("theirs <&>"));
  });

  it("begins with what has pictures", () => {
    const at = (name: string): number => html.indexOf(`id="scenario-${name}"`);
    assert.ok(0 < at("clones"));
    assert.ok(at("clones") < at("sweep"));
    assert.ok(at("sweep") < at("table"));
  });

  it("says what failed, and with what it was made", () => {
    assert.ok(html.includes("1 of 3 scenarios does not hold"));
    for (const text of ["Something", "1.2", "a&lt;b", "2000-01-01T00:00"]) {
      assert.ok(html.includes(text), text);
    }
  });

  it("has colours for light and dark, and a name for each picture", () => {
    assert.ok(html.includes("prefers-color-scheme:dark"));
    for (const [tag] of html.matchAll(/<svg[^>]*>/g)) {
      assert.match(tag, /role="img" aria-label="..|aria-hidden="true"/);
    }
  });

  it("never holds a number that is none", () => {
    assert.doesNotMatch(html + page(EMPTY), /NaN|Infinity|undefined/);
  });

  it("closes what it opens", () => {
    assert.deepEqual(unbalanced(html), []);
  });
});

describe("picture()", () => {
  const svg = picture(REPORT)!;

  it("is one file that brings its colours along", () => {
    assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" /);
    assert.ok(svg.includes("prefers-color-scheme:dark"));
    assert.doesNotMatch(svg, /\b(src|href)=|url\(|@import|NaN|undefined/);
    assert.deepEqual(unbalanced(svg), []);
  });

  it("shows one source that repeats and ours", () => {
    assert.ok(svg.includes("the same for 7 draws"));
    assert.ok(svg.includes("part at the fork"));
  });

  it("is left out where no clones were measured", () => {
    assert.equal(picture(EMPTY), undefined);
  });
});

describe("writeReport()", () => {
  it("writes both files", async () => {
    const folder = await Deno.makeTempDir();
    try {
      await writeReport(REPORT, `${folder}/lab`);
      const names = [...Deno.readDirSync(`${folder}/lab`)].map((f) => f.name);
      assert.deepEqual(names.sort(), ["main-picture.svg", "report.html"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

describe("repeatsChart()", () => {
  it("draws a bar for repeats and a ring at zero for none", () => {
    const svg = repeatsChart([THEIRS, OURS], 860);
    assert.equal(svg.match(/<rect class="same"/g)?.length, 1);
    assert.equal(svg.match(/<circle class="ring"/g)?.length, 1);
  });

  it("puts ours last, the best level first", () => {
    const hedged = { ...OURS, level: "hedged" };
    const kernel = { ...OURS, level: "kernel", equal: 50 };
    const more = { ...THEIRS, equal: 20 };
    assert.deepEqual(inOrder([kernel, hedged, OURS, THEIRS, more]), [
      more,
      THEIRS,
      OURS,
      hedged,
      kernel,
    ]);
  });
});

describe("named()", () => {
  const verdictOf = (b: number[], row: SourceRepeats = THEIRS): string =>
    named({
      repeats: [row],
      strips: [{ source: row.source, a: SHARED, b, fork: 2 }],
    })[0]!.verdict;

  it("says where two clones part", () => {
    assert.equal(verdictOf([1, 2, 0, 0, 0, 0, 0, 0]), "part at the fork");
    assert.equal(
      verdictOf([1, 2, 3, 4, 5, 6, 0, 0]),
      "part 4 bytes after the fork",
    );
  });

  it("takes single equal bytes for chance", () => {
    assert.equal(verdictOf([1, 2, 0, 0, 5, 0, 0, 0]), "part at the fork");
  });

  it("never says more than the figures do", () => {
    assert.equal(verdictOf(SHARED), "the same for 7 draws");
    const never = { ...THEIRS, partedAfterMs: null };
    assert.equal(verdictOf(SHARED, never), "never part");
  });

  it("takes a stream that is ahead of the other for no parting", () => {
    const shifted = { ...THEIRS, prefix: 0, equal: 90 };
    assert.equal(
      verdictOf([1, 2, 0, 0, 0, 0, 0, 0], shifted),
      "are shifted, 90 draws in both",
    );
  });

  it("tells levels of one source apart", () => {
    const kernel = { ...OURS, level: "kernel" };
    const strip = CLONES.strips[1]!;
    const names = named({ repeats: [OURS, kernel], strips: [strip, strip] });
    assert.deepEqual(names.map(({ name }) => name), [
      "ours, level memory",
      "ours, level kernel",
    ]);
  });
});

describe("summarize()", () => {
  it("is red where ours repeats", () => {
    const repeats = [{ ...OURS, equal: 1 }];
    const figures = { clones: { repeats, strips: [] } };
    const scenario = { ...REPORT.scenarios[1]!, figures };
    const headlines = summarize({ ...REPORT, scenarios: [scenario] });
    assert.deepEqual(headlines.map(({ figure, good }) => [figure, good]), [
      ["1", false],
    ]);
  });
});

/** Elements that are not closed, or closed in another order. */
function unbalanced(markup: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const names = markup.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/gi);
  for (const [, slash, name = ""] of names) {
    if (name === "meta") continue;
    if (slash === "") open.push(name);
    else if (open.pop() !== name) wrong.push(name);
  }
  return [...wrong, ...open];
}
