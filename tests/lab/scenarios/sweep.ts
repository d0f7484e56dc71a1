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
import { isEnding } from "../room/cleanup.ts";
import { MachineError } from "../room/errors.ts";
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
/** So many of them in a row are no chance: the source hears too late, each time. */
const MOST_MISSED_IN_A_ROW = 10;
/** Sources that may fall silent, or so late. */
const MOST_SILENT = 3;
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

/** What the points of all sources have shown so far. */
interface Tally {
  readonly leadMs: number[];
  readonly firstDrawMs: number[];
  records: number;
  repeats: number;
  straddling: number;
  missed: number;
  share: number;
}

async function sweepOne(
  room: Room,
  processors: number,
  points: number,
): Promise<SweepFigures> {
  const tally: Tally = {
    leadMs: [],
    firstDrawMs: [],
    records: 0,
    repeats: 0,
    straddling: 0,
    missed: 0,
    share: 0,
  };
  for (let silent = 0; tally.leadMs.length < points;) {
    try {
      await sweepSource(room, processors, points, tally);
    } catch (error) {
      // After many snapshots an emulated machine may fall silent or slow; what its points have shown stays true.
      const again = error instanceof MachineError && !isEnding();
      if (!again || ++silent > MOST_SILENT) throw error;
      room.retries++;
      say(`a new source after ${tally.leadMs.length} points: ${error.message}`);
      await room.clear();
    }
  }
  const { repeats, share, ...figures } = tally;
  assert.equal(repeats, 0, "repeats among draws that started after the fork");
  return {
    points,
    processors,
    repeats,
    straddlingExpected: points * share,
    ...figures,
  };
}

/** Takes points of one source, until there are enough. */
async function sweepSource(
  room: Room,
  processors: number,
  points: number,
  tally: Tally,
): Promise<void> {
  const threads = Array.from({ length: processors }, (_, thread) => thread);
  const source = await bootSource(room, processors);
  const warm: SweepWarm[] = JSON.parse(await source.receiveText("warm"));
  for (const { level } of warm) assert.equal(level, "memory");
  tally.share = warm.reduce((sum, { share }) => sum + share, 0);
  const clockMs = clockOf(source.console());
  const seen = new Set<string>();
  let missed = 0; // in a row

  while (tally.leadMs.length < points) {
    await sleep(Math.random() * LONGEST_PAUSE_MS);
    const snapshot = await room.snapshot(source);
    await source.tell("hold");
    await source.resume();
    const clone = await room.clone(snapshot, newGuid());
    const drawn = (await receiveAll(clone, threads)).map(divide);
    const times = await receiveTimes(clone, threads);
    await clone.waitForConsole(RESEEDED);
    const kernelMs = stampOf(clone.console(), RESEEDED) - clockMs;
    await room.end(clone);
    room.discard(snapshot);
    await source.tell(["send", ...drawn.map(({ first }) => first)].join(" "));
    const of = await receiveAll(source, threads);
    await receiveTimes(source, threads);

    const parts = drawn.map((clone, thread) => ({
      ...clone,
      ...around(of[thread] ?? [], clone.first),
    }));
    if (!parts.every(({ covered }) => covered)) {
      // The source went on for too long before it heard the host's wish.
      const most = MOST_MISSED * points;
      assert.ok(++tally.missed <= most, "too many points missed");
      if (++missed < MOST_MISSED_IN_A_ROW) continue;
      throw new MachineError("The source hears the host too late");
    }
    missed = 0;
    // The clone's clock goes on from the moment of the snapshot.
    const forkMs = Math.min(...times.map(({ fork }) => fork));
    tally.leadMs.push(kernelMs - forkMs);
    tally.firstDrawMs.push(
      Math.min(...times.map(({ seen }) => seen)) - forkMs,
    );
    for (const { source, straddler, fresh } of parts) {
      for (const { value } of source) seen.add(keyOf(value));
      if (straddler && seen.has(keyOf(straddler.value))) tally.straddling++;
      for (const { value } of fresh) {
        const key = keyOf(value);
        if (seen.has(key)) tally.repeats++;
        seen.add(key);
      }
      tally.records += fresh.length;
    }
    const point = tally.leadMs.length;
    if (point % TELL_EVERY === 0 && point < points) {
      say(`${point} of ${points} points, ${tally.repeats} repeats`);
    }
  }
  await room.end(source);
}

async function bootSource(room: Room, processors: number): Promise<Machine> {
  return await room.boot({
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
}

async function receiveTimes(
  machine: Machine,
  threads: readonly number[],
): Promise<SweepTimes[]> {
  const all: SweepTimes[] = [];
  for (const thread of threads) {
    all.push(JSON.parse(await machine.receiveText(`times${thread}`)));
  }
  return all;
}

async function receiveAll(
  machine: Machine,
  threads: readonly number[],
): Promise<DrawRecord[][]> {
  const all: DrawRecord[][] = [];
  for (const thread of threads) {
    all.push(unpackRing(await machine.receive(`records${thread}`)));
  }
  return all;
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
