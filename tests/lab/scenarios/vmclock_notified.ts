/**
 * A vmclock that counts generations and notifies, which no QEMU has: the lab plays the hypervisor's side, after
 * the specification, and Linux's own driver the guest's.
 *
 * Each clone is notified once, by what QEMU raises when a machine comes in; what its page says is the lab's.
 */

import assert from "node:assert/strict";
import type { Protection } from "../../../mod.ts";
import type { Seen } from "../guest/watch.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import { changePage } from "../room/host_page.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { clockPage, clockTable, forked } from "../room/vmclock_device.ts";
import { EVENT_COLUMNS, tellOfEvents } from "./clock_events.ts";
import { compare, forkWhileDrawing } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { spread, watchForks, watchInARow } from "./watch_fork.ts";

const CLONES = 7;
const QUICK_CLONES = 2;
const FORKS_IN_A_ROW = 5;
const DRAWS = 5_000;

/** See the file's head. */
export const vmclockNotified: Scenario = {
  name: "vmclock-notified",
  title: "A vmclock that counts generations and notifies, played by the lab",
  quick: false,
  run,
};

type Row = (string | number | boolean)[];

async function run(
  room: Room,
  { quick, clones = quick ? QUICK_CLONES : CLONES }: ScenarioOptions,
): Promise<Figures> {
  const draws: Row[] = [];
  const told: Row[] = [];
  for (const notifies of [true, false]) {
    const machine = await boot(room, "vmclock_notified", notifies);
    draws.push(await drawAcross(room, machine, notifies));
    if (notifies) told.push(...await tellOfEvents(room, machine));
    await room.end(machine);
  }
  const times = await watchAll(room, clones);
  return {
    tables: [
      {
        title: "Two clones that draw across the fork",
        columns: [
          "counts",
          "notifies",
          "level",
          "source",
          "confirmed by",
          "waits by",
          "draws",
          "equal",
        ],
        rows: draws,
      },
      {
        title: "What a clone is told of",
        columns: EVENT_COLUMNS,
        rows: told,
      },
      {
        title: "From the first instruction after the fork until it is known",
        columns: [
          "way",
          "notifies",
          "forks",
          "ms at least",
          "median",
          "at most",
        ],
        rows: times,
      },
    ],
  };
}

/** Boots a guest whose only page is the lab's: the device of the unique id is there for the event that it raises. */
async function boot(
  room: Room,
  program: "vmclock_notified" | "watch",
  notifies: boolean,
): Promise<Machine> {
  return await room.boot({
    name: `${program}-${notifies ? "notified" : "silent"}`,
    kernel: "7",
    hardware: {
      memory: 192,
      processors: 2,
      vmgenid: newGuid(),
      hostPage: clockPage({ notifies }),
    },
    program: {
      command: `deno run -A ${program}.js vmclock`,
      files: {
        [`${program}.js`]: await bundle(`${program}.ts`),
        "watch_witness.js": await bundle("watch_witness.ts"),
        ...clockTable(),
      },
    },
  });
}

/** Two clones that never stop drawing. */
async function drawAcross(
  room: Room,
  machine: Machine,
  notifies: boolean,
): Promise<Row> {
  const { level, sources, confirmedBy }: Protection = JSON.parse(
    await machine.receiveText("protection"),
  );
  const clock = JSON.parse(await machine.receiveText("clock"));
  await machine.receive("ready");
  assert.equal(clock.path, "/dev/vmclock0", "the kernel's driver");
  assert.deepEqual(
    [clock.counts, clock.notifies, clock.polls],
    [true, notifies, notifies],
    "flags of the page, and whether waits use poll",
  );
  const source = sources.map(({ name }) => name).join(", ");
  assert.deepEqual(
    [level, source, confirmedBy],
    ["memory", "vmclock", "driver"],
  );
  const fork = await forkWhileDrawing(room, machine, "ours", {
    guids: [undefined, undefined],
    prepare: (clone) => changePage(clone, forked),
    draws: DRAWS,
  });
  const [a = [], b = []] = fork.clones;
  const { draws, equal } = compare(a, b, fork.position, DRAWS);
  assert.equal(equal, 0, `equal draws, notifies: ${notifies}`);
  return [
    clock.counts,
    clock.notifies,
    level,
    source,
    confirmedBy!,
    clock.polls ? "poll" : "looks",
    draws,
    equal,
  ];
}

/** How long it takes to know, in a machine that is notified and in one that is not. */
async function watchAll(room: Room, clones: number): Promise<Row[]> {
  const notified = await boot(room, "watch", true);
  const silent = await boot(room, "watch", false);
  for (const machine of [notified, silent]) {
    assert.equal(await machine.receiveText("level"), "memory");
  }
  const rows: Row[] = [];
  let unnotified = NaN;
  const prepare = (clone: Machine): Promise<void> => changePage(clone, forked);
  for (const [way, title] of Object.entries(WAYS)) {
    const seen = await watchForks(room, [notified, silent], way, {
      clones,
      prepare,
    });
    const [a = [], b = []] = seen;
    rows.push(rowOf(title, true, a), rowOf(title, false, b));
    if (way !== RARELY) continue;
    unnotified = least(b);
    assert.ok(least(a) < unnotified, "woken by poll");
  }
  await room.end(silent);
  const inARow = await watchInARow(room, notified, RARELY, {
    clones: FORKS_IN_A_ROW,
    prepare,
  });
  assert.ok(least(inARow.slice(1)) < unnotified, "woken by poll once more");
  rows.push(rowOf("the same, in clones of clones", true, inARow));
  await room.end(notified);
  return rows;
}

const RARELY = "rarely";
const WAYS: Readonly<Record<string, string>> = {
  timer: "onVmFork(listener)",
  wait: "onVmFork(listener, { wait: true })",
  [RARELY]: "a wait that looks once a second",
};

function rowOf(title: string, notifies: boolean, seen: readonly Seen[]): Row {
  for (const { forked, code, source = "vmclock" } of seen) {
    const said = [forked, code, source];
    assert.deepEqual(said, [true, "forked", "vmclock"], title);
  }
  const values = new Set(seen.map(({ value }) => value));
  assert.equal(values.size, seen.length, `equal values of clones: ${title}`);
  const times = seen.map(({ afterMs }) => afterMs);
  return [title, notifies, seen.length, ...spread(times)];
}

/** Only what ends a wait before its next look can make it shorter than a look takes. */
function least(seen: readonly Seen[]): number {
  return Math.min(...seen.map(({ afterMs }) => afterMs));
}
