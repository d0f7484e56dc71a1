/**
 * `loadvm` in a running QEMU: memory goes back, the id stays, and the kernel says nothing. What sees it is
 * the ACPI event that QEMU raises all the same, and the vmclock's disruption marker. The same where a
 * snapshot's file is restored twice with the id that it had.
 *
 * QEMU's TCG does not turn the guest's clock back with `loadvm`: it leaps over the time since `savevm`.
 * Timers that fall due in that time run at once, and so do timed reseeds, ours and the kernel's, which part
 * the timelines by themselves; a restored file has no such leap.
 */

import assert from "node:assert/strict";
import type { Protection } from "../../../mod.ts";
import { unpackRecords } from "../guest/records.ts";
import type { Told } from "../guest/rollback.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { Hardware } from "../room/hardware.ts";
import type { KernelName } from "../room/kernels.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { compare, type Comparison, positionOf } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { toldOnce } from "./told_once.ts";
import { twoAtATime } from "./two_at_a_time.ts";

const TAG = "before";
const MOST = 4_000;
const NO_HARDWARE = "max,-rdrand,-rdseed";
/** Draws of 16 bytes in a buffer of 992. */
const ONE_BUFFER = 62;

/** See the file's head. */
export const rollback: Scenario = {
  name: "rollback",
  title: "Rollback with loadvm, which leaves the id alone: who sees it",
  quick: true,
  run,
};

interface Setting {
  readonly fork: "loadvm" | "file, same id";
  readonly how: string;
  readonly flags?: string;
  readonly kernel?: KernelName;
  readonly hardware?: Partial<Hardware>;
  /** The most draws of ours that may repeat; undefined where only time bounds it. */
  readonly most?: number;
  readonly source: string;
  readonly quick?: true;
}

const SETTINGS: readonly Setting[] = [
  {
    fork: "loadvm",
    how: "a watcher",
    most: ONE_BUFFER,
    source: "acpi-events",
    quick: true,
  },
  {
    fork: "loadvm",
    how: "a watcher",
    hardware: { processor: NO_HARDWARE },
    source: "acpi-events",
  },
  {
    fork: "file, same id",
    how: "a watcher",
    hardware: { processor: NO_HARDWARE },
    source: "acpi-events",
  },
  {
    fork: "loadvm",
    how: "eventsAtDraws",
    flags: "--events-at-draws",
    most: ONE_BUFFER,
    source: "acpi-events",
  },
  {
    fork: "loadvm",
    how: "eventsAtDraws",
    flags: "--events-at-draws",
    hardware: { processor: NO_HARDWARE },
    most: ONE_BUFFER,
    source: "acpi-events",
  },
  {
    fork: "loadvm",
    how: "vmclock's marker",
    kernel: "7",
    hardware: { processor: NO_HARDWARE, vmclock: true },
    most: 0,
    source: "vmclock",
    quick: true,
  },
];

type Row = (string | number | boolean | null)[];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const chosen = SETTINGS.filter((setting) => setting.quick || !quick);
  const rows = await twoAtATime(chosen, (setting) => runOne(room, setting));
  const columns = [
    "fork",
    "seen by",
    "RDRAND",
    "told of",
    "draws until told",
    "ms until told",
    "ours: equal",
    "Deno: equal",
    "getrandom(2): equal",
    "kernel saw it",
  ];
  const title = `Draws in both timelines, of ${MOST} each`;
  return { tables: [{ title, columns, rows }] };
}

async function runOne(room: Room, setting: Setting): Promise<Row> {
  const { fork, how, flags = "", kernel = "6.12", hardware, most, source } =
    setting;
  const machine = await room.boot({
    name: "rollback",
    kernel,
    hardware: { memory: 160, vmgenid: newGuid(), ...hardware },
    program: {
      command: `deno run -A rollback.js ${flags}`,
      files: { "rollback.js": await bundle("rollback.ts") },
    },
  });
  const { level, sources }: Protection = JSON.parse(
    await machine.receiveText("protection"),
  );
  assert.equal(level, "memory");
  assert.ok(sources.some(({ name }) => name === source), `source "${source}"`);
  await machine.receive("warm");
  const { position, first, second, reseeds } = fork === "loadvm"
    ? await rollBack(room, machine)
    : await restoreTwice(room, machine);

  const [ours, deno, kernels] = first.streams.map((bytes, i) =>
    compare(
      unpackRecords(bytes),
      unpackRecords(second.streams[i]!),
      position,
      MOST,
    )
  ) as [Comparison, Comparison, Comparison];
  const name = `${fork}, ${how}`;
  if (fork === "loadvm") {
    assert.equal(first.told.length, 0, "nothing to be told after savevm");
  }
  const told = toldOnce(second.told, source, name) as Told;
  assert.equal(reseeds, 0, "the kernel sees no fork");
  assert.ok(deno.equal > 0, "Deno's own generator repeats");
  assert.ok(ours.equal < ours.draws, "the later timeline parts");
  if (most !== undefined) {
    assert.ok(ours.equal <= most, `${ours.equal} draws repeat`);
  }
  // What is drawn once the listener was told is of the new timeline alone.
  const until = told.sequence - position;
  assert.ok(ours.equal <= until, `${ours.equal} repeat, told after ${until}`);
  const records = unpackRecords(second.streams[0]!);
  const start = records.find(({ sequence }) => sequence > position)!;
  return [
    fork,
    how,
    hardware?.processor === undefined,
    told.source,
    until,
    // The draw that was going on may have found it.
    Math.max(0, Math.round(told.when - start.ms)),
    ours.equal,
    deno.equal,
    kernels.equal,
    reseeds > 0,
  ];
}

/** Two timelines of one machine, and how often its kernel said that it saw a fork. */
interface Timelines {
  readonly position: number;
  readonly first: Timeline;
  readonly second: Timeline;
  readonly reseeds: number;
}

async function rollBack(room: Room, machine: Machine): Promise<Timelines> {
  await machine.pause();
  await machine.save(TAG);
  const position = await positionOf(machine);
  const first = await runOn(machine);
  await machine.pause();
  await machine.load(TAG);
  const second = await runOn(machine);
  const reseeds = machine.reseeds();
  await room.end(machine);
  return { position, first, second, reseeds };
}

async function restoreTwice(room: Room, machine: Machine): Promise<Timelines> {
  const snapshot = await room.snapshot(machine);
  const position = await positionOf(machine);
  await room.end(machine);
  const timelines: Timeline[] = [];
  let reseeds = 0;
  for (let i = 0; i < 2; i++) {
    const clone = await room.prepareClone(snapshot, machine.hardware.vmgenid);
    timelines.push(await runOn(clone));
    reseeds += clone.reseeds();
    await room.end(clone);
  }
  room.discard(snapshot);
  const [first, second] = timelines as [Timeline, Timeline];
  return { position, first, second, reseeds };
}

/** What a guest tells of one timeline. */
interface Timeline {
  readonly streams: readonly Uint8Array<ArrayBuffer>[];
  readonly told: readonly Told[];
}

/** Lets the machine run from where it stands, and takes what it tells. */
async function runOn(machine: Machine): Promise<Timeline> {
  await machine.tell("report");
  await machine.resume();
  const streams: Uint8Array<ArrayBuffer>[] = [];
  for (const name of ["ours", "deno", "kernel"]) {
    streams.push(await machine.receive(name));
  }
  const told: Told[] = JSON.parse(await machine.receiveText("told"));
  return { streams, told };
}
