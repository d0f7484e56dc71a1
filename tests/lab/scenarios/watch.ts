/**
 * How long after a fork a program knows of it, way by way; and guards, which are made before it.
 *
 * An emulated clone has to translate all code anew, which may be most of the time that is measured here. The row
 * of the guard that is asked without pause says how much the least code needs.
 */

import assert from "node:assert/strict";
import type { Seen } from "../guest/watch.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { Room } from "../room/room.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { spread, watchForks } from "./watch_fork.ts";

const CLONES = 9;
const QUICK_CLONES = 2;

/** See the file's head. */
export const watch: Scenario = {
  name: "watch",
  title: "How long after a fork a program knows: listeners and guards",
  quick: false,
  run,
};

interface Setting {
  readonly page: "vmgenid" | "vmclock";
  readonly ways: readonly string[];
}

const SETTINGS: readonly Setting[] = [
  {
    page: "vmgenid",
    ways: ["timer", "iterator", "wait", "guard", "withForkGuard"],
  },
  { page: "vmclock", ways: ["timer", "wait", "guard"] },
];

const TITLES: Readonly<Record<string, string>> = {
  timer: "onVmFork(listener)",
  iterator: "watchForks()",
  wait: "onVmFork(listener, { wait: true })",
  guard: "guard.forked, asked without pause",
  withForkGuard: "withForkGuard(), the work done again",
};

type Row = (string | number)[];

async function run(
  room: Room,
  { quick, clones = quick ? QUICK_CLONES : CLONES }: ScenarioOptions,
): Promise<Figures> {
  const rows: Row[] = [];
  for (const { page, ways } of SETTINGS) {
    const source = await room.boot({
      name: `watch-${page}`,
      kernel: page === "vmgenid" ? "6.12" : "7",
      hardware: {
        memory: 192,
        processors: 2,
        ...(page === "vmgenid" ? { vmgenid: newGuid() } : { vmclock: true }),
      },
      program: {
        command: `deno run -A watch.js ${page}`,
        files: {
          "watch.js": await bundle("watch.ts"),
          "watch_witness.js": await bundle("watch_witness.ts"),
        },
      },
    });
    assert.equal(await source.receiveText("level"), "memory");
    for (const way of ways) {
      const [seen = []] = await watchForks(room, [source], way, {
        clones,
        ...(page === "vmgenid" && { id: newGuid }),
      });
      check(way, page, seen);
      rows.push(rowOf(way, page, seen));
    }
    await room.end(source);
  }
  const columns = [
    "way",
    "page",
    "clones",
    "ms at least",
    "median",
    "at most",
    "told of",
    "guard from before",
  ];
  const title = "From the first instruction after the fork until it is known";
  return { tables: [{ title, columns, rows }] };
}

function check(way: string, page: string, seen: readonly Seen[]): void {
  const what = `${way}, ${page}`;
  for (const { forked, code, source, runs } of seen) {
    assert.equal(forked, true, `a guard of before the fork: ${what}`);
    assert.equal(code, "forked", `what it throws: ${what}`);
    // The event may be there by then as well.
    const names = source?.split("+") ?? [page];
    assert.ok(names.includes(page), `${source}: ${what}`);
    if (runs !== undefined) assert.equal(runs, 2, `the work is done again`);
  }
  const values = new Set(seen.map(({ value }) => value));
  assert.equal(values.size, seen.length, `equal values of clones: ${what}`);
}

function rowOf(way: string, page: string, seen: readonly Seen[]): Row {
  return [
    TITLES[way]!,
    page,
    seen.length,
    ...spread(seen.map(({ afterMs }) => afterMs)),
    [...new Set(seen.map(({ source = "" }) => source))].join(", "),
    "forked",
  ];
}
