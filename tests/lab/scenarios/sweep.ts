/** Snapshots at random moments of a guest that draws without pause. */

import assert from "node:assert/strict";
import type { SweepFigures } from "../figures.ts";
import type { DrawRecord } from "../guest/records.ts";
import { unpackRing } from "../guest/ring.ts";
import {
  type SweepTimes,
  type SweepWarm,
  WINDOW,
} from "../guest/sweep_messages.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import { type Machine, RESEEDED } from "../room/machine.ts";
import { say } from "../room/progress.ts";
import type { Room } from "../room/room.ts";
import { keyOf } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";

const POINTS = 1_000;
const QUICK_POINTS = 40;
const LEAST_AFTER = 64;
/** Points that may have to be taken again, of all. */
const MOST_MISSED = 0.5;
/** The source lives for all points; with 160 it ran out of memory after 300. */
const MEMORY_MIB = 160;
const LONGEST_PAUSE_MS = 50;
const TELL_EVERY = 50;

/** See the file's head. */
export const sweep: Scenario = {
  name: "sweep",
  title: "Snapshots at random moments of a guest that draws without pause",
  quick: true,
  run,
};

async function run(
  room: Room,
  { quick, points = quick ? QUICK_POINTS : POINTS }: ScenarioOptions,
): Promise<Figures> {
  const figures: SweepFigures[] = [];
  for (const processors of [1, 2]) {
    const some = Math.ceil(points / processors);
    figures.push(await sweepOne(room, processors, some));
  }
  return { sweep: figures };
}

async function sweepOne(
  room: Room,
  processors: number,
  points: number,
): Promise<SweepFigures> {
  const threads = Array.from({ length: processors }, (_, thread) => thread);
  const source = await room.boot({
    name: "sweep",
    hardware: {
      memory: MEMORY_MIB + 64 * processors,
      processors,
      vmgenid: newGuid(),
    },
    program: {
      command: `deno run -A sweep.js ${processors}`,
      files: {
        "sweep.js": await bundle("sweep.ts"),
        "sweep_worker.js": await bundle("sweep_worker.ts"),
      },
    },
  });
  const warm: SweepWarm[] = JSON.parse(await source.receiveText("warm"));
  for (const { level } of warm) assert.equal(level, "memory");
  const clockMs = clockOf(source.console());

  const seen = new Set<string>();
  const leadMs: number[] = [];
  const firstDrawMs: number[] = [];
  let records = 0;
  let repeats = 0;
  let straddling = 0;
  let missed = 0;
  while (leadMs.length < points) {
    await sleep(Math.random() * LONGEST_PAUSE_MS);
    const snapshot = await room.snapshot(source);
    await source.tell("hold");
    await source.resume();
    const clone = await room.clone(snapshot, newGuid());
    const drawn = (await receiveAll(clone)).map(divide);
    const times = await receiveTimes(clone);
    await clone.waitForConsole(RESEEDED);
    const kernelMs = stampOf(clone.console(), RESEEDED) - clockMs;
    await room.end(clone);
    room.discard(snapshot);
    await source.tell(["send", ...drawn.map(({ first }) => first)].join(" "));
    const of = await receiveAll(source);
    await receiveTimes(source);

    const parts = drawn.map((clone, thread) => ({
      ...clone,
      ...around(of[thread] ?? [], clone.first),
    }));
    if (!parts.every(({ covered }) => covered)) {
      // The source went on for too long before it heard the host's wish.
      assert.ok(++missed <= MOST_MISSED * points, "too many points missed");
      continue;
    }
    // The clone's clock goes on from the moment of the snapshot.
    const forkMs = Math.min(...times.map(({ fork }) => fork));
    leadMs.push(kernelMs - forkMs);
    firstDrawMs.push(Math.min(...times.map(({ seen }) => seen)) - forkMs);
    for (const { source, straddler, fresh } of parts) {
      for (const { value } of source) seen.add(keyOf(value));
      if (straddler && seen.has(keyOf(straddler.value))) straddling++;
      for (const { value } of fresh) {
        const key = keyOf(value);
        if (seen.has(key)) repeats++;
        seen.add(key);
      }
      records += fresh.length;
    }
    const point = leadMs.length;
    if (point % TELL_EVERY === 0 && point < points) {
      say(`${point} of ${points} points, ${repeats} repeats`);
    }
  }
  await room.end(source);
  assert.equal(repeats, 0, "repeats among draws that started after the fork");
  const share = warm.reduce((sum, { share }) => sum + share, 0);
  return {
    points,
    processors,
    records,
    repeats,
    straddling,
    straddlingExpected: points * share,
    missed,
    leadMs,
    firstDrawMs,
  };

  async function receiveTimes(machine: Machine): Promise<SweepTimes[]> {
    const all: SweepTimes[] = [];
    for (const thread of threads) {
      all.push(JSON.parse(await machine.receiveText(`times${thread}`)));
    }
    return all;
  }

  async function receiveAll(machine: Machine): Promise<DrawRecord[][]> {
    const all: DrawRecord[][] = [];
    for (const thread of threads) {
      all.push(unpackRing(await machine.receive(`records${thread}`)));
    }
    return all;
  }
}

/** A clone's records of one thread. */
function divide(records: readonly DrawRecord[]) {
  const known = records[0]?.before ?? NaN;
  const fresh = records.filter(({ before }) => before > known);
  const [straddler, second] = records.filter(({ before, after }) =>
    before < after
  );
  assert.equal(second, undefined, "at most one draw in flight per thread");
  return { fresh, straddler, first: fresh[0]?.sequence ?? NaN };
}

/** The source's records around a sequence, and whether they are enough. */
function around(source: readonly DrawRecord[], first: number) {
  const from = source[0]?.sequence ?? NaN;
  const to = source.at(-1)?.sequence ?? NaN;
  return {
    source,
    covered: from <= first - WINDOW && to > first + LEAST_AFTER,
  };
}

/**
 * What to add to the guest's milliseconds to get those of the kernel's log. The
 * log's stamp comes after the guest's: the shortest way there counts.
 */
function clockOf(console: string): number {
  const ways = [...console.matchAll(/\[ *([\d.]+)\] lab: clock ([\d.]+)/g)]
    .map(([, stamp, ms]) => 1000 * Number(stamp) - Number(ms));
  return Math.min(...ways);
}

/** The stamp of a line of the kernel's log, in milliseconds. */
function stampOf(console: string, text: string): number {
  const row = console.split("\n").find((row) => row.includes(text)) ?? "";
  return 1000 * Number(/\[ *([\d.]+)\]/.exec(row)?.[1]);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
