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
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { clockPage, clockTable, forked } from "../room/vmclock_device.ts";
import { EVENT_COLUMNS, tellOfEvents } from "./clock_events.ts";
import { compare, forkWhileDrawing } from "./fork.ts";
import { median } from "./median.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { spread, watchFork } from "./watch_fork.ts";

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
  const times: Row[] = [];
  const rare: number[] = [];
  for (const notifies of [true, false]) {
    const drawing = await boot(room, "vmclock_notified", notifies);
    draws.push(await drawAcross(room, drawing, notifies));
    if (notifies) told.push(...await tellOfEvents(room, drawing));
    await room.end(drawing);

    const waiting = await boot(room, "watch", notifies);
    assert.equal(await waiting.receiveText("level"), "memory");
    for (const way of ["timer", "wait", "rarely"]) {
      const seen = await watchFork(room, waiting, way, {
        clones,
        prepare: (clone) => clone.changePage(forked),
      });
      times.push(timesOf(way, notifies, seen));
      if (way === "rarely") {
        rare.push(median(seen.map(({ afterMs }) => afterMs)));
      }
    }
    if (notifies) {
      times.push(timesOf("in a row", true, await chain(room, waiting)));
    }
    await room.end(waiting);
  }
  const [notified = NaN, unnotified = NaN] = rare;
  assert.ok(notified < unnotified, `woken after ${rare.join(" and ")} ms`);
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
    prepare: (clone) => clone.changePage(forked),
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

/** Clones of clones, of which each begins to wait anew. */
async function chain(room: Room, machine: Machine): Promise<Seen[]> {
  const all: Seen[] = [];
  let parent = machine;
  for (let i = 0; i < FORKS_IN_A_ROW; i++) {
    await parent.tell("rarely");
    await parent.receive("watching");
    const snapshot = await room.snapshot(parent);
    if (parent !== machine) await room.end(parent);
    parent = await room.prepareClone(snapshot);
    room.discard(snapshot);
    parent.changePage(forked);
    await parent.resume();
    all.push(JSON.parse(await parent.receiveText("seen")));
  }
  await room.end(parent);
  return all;
}

const TITLES: Readonly<Record<string, string>> = {
  timer: "onVmFork(listener)",
  wait: "onVmFork(listener, { wait: true })",
  rarely: "a wait that looks once a second",
  "in a row": "the same, in clones of clones",
};

function timesOf(way: string, notifies: boolean, seen: readonly Seen[]): Row {
  for (const { forked, code, source = "vmclock" } of seen) {
    assert.deepEqual([forked, code, source], [true, "forked", "vmclock"], way);
  }
  const values = new Set(seen.map(({ value }) => value));
  assert.equal(values.size, seen.length, `equal values of clones: ${way}`);
  const times = seen.map(({ afterMs }) => afterMs);
  return [TITLES[way]!, notifies, seen.length, ...spread(times)];
}
