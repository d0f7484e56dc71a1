/**
 * A vmclock in place of the unique id, and beside it. QEMU's shows a fork in its disruption marker alone: it
 * counts no generations and sends no notification, which is checked here.
 */

import assert from "node:assert/strict";
import type { Protection, VmForkEvent } from "../../../mod.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { KernelName } from "../room/kernels.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { compare, forkWhileDrawing } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { toldOnce } from "./told_once.ts";
import { twoAtATime } from "./two_at_a_time.ts";
import { NOBODY, USERS } from "./users.ts";

const DRAWS = 5_000;
const NO_HARDWARE = "max,-rdrand,-rdseed";
const INHERITED = [
  "exec 3</dev/vmclock0",
  `exec su -s /bin/sh nobody -c "exec deno run -A vmclock.js 3"`,
].join("\n");
/** Longer than an event may come after the page that told of the same fork. */
const LATE_MS = 2_000;
const TRIES = 5;

/** See the file's head. */
export const vmclock: Scenario = {
  name: "vmclock",
  title: "A vmclock in place of the unique id, and beside it",
  quick: true,
  run,
};

interface Setting {
  readonly kernel: KernelName;
  readonly how: string;
  readonly command?: string;
  readonly processor?: string;
  readonly vmgenid?: true;
  readonly level: "memory" | "kernel";
  readonly sources: readonly string[];
  readonly confirmedBy: string;
  readonly quick?: true;
}

const SETTINGS: readonly Setting[] = [
  {
    kernel: "7",
    how: "/dev/vmclock0, root",
    level: "memory",
    sources: ["vmclock"],
    confirmedBy: "driver",
  },
  {
    kernel: "7",
    how: "/dev/vmclock0, root",
    processor: NO_HARDWARE,
    level: "kernel",
    sources: ["vmclock"],
    confirmedBy: "driver",
  },
  {
    kernel: "7",
    how: "inherited descriptor",
    command: INHERITED,
    level: "memory",
    sources: ["vmclock"],
    confirmedBy: "parent",
  },
  {
    kernel: "6.12",
    how: "/dev/mem, no driver",
    level: "memory",
    sources: ["vmclock"],
    confirmedBy: "iomem",
    quick: true,
  },
  {
    kernel: "7",
    how: "/dev/vmclock0, root",
    vmgenid: true,
    level: "memory",
    sources: ["vmgenid", "vmclock", "acpi-events"],
    confirmedBy: "driver",
    quick: true,
  },
];

type Row = (string | number | boolean)[];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const chosen = SETTINGS.filter((setting) => setting.quick || !quick);
  const rows = await twoAtATime(chosen, (setting) => runOne(room, setting));
  const columns = [
    "Linux",
    "vmclock by",
    "RDRAND",
    "uid",
    "level",
    "sources",
    "confirmed by",
    "counts",
    "notifies",
    "draws",
    "equal",
    "told of",
  ];
  const title = "Two clones of a machine with a vmclock";
  return { tables: [{ title, columns, rows }] };
}

async function runOne(room: Room, setting: Setting): Promise<Row> {
  const { kernel, how, processor = "max", vmgenid, level } = setting;
  const machine = await room.boot({
    name: `vmclock-${kernel}`,
    kernel,
    hardware: {
      memory: 160,
      processor,
      vmclock: true,
      ...(vmgenid && { vmgenid: newGuid() }),
    },
    program: {
      command: setting.command ?? "deno run -A vmclock.js",
      files: { "vmclock.js": await bundle("vmclock.ts"), ...USERS },
    },
  });
  const user: Protection & { uid: number } = JSON.parse(
    await machine.receiveText("user"),
  );
  const name = `Linux ${kernel}, ${how}, ${processor}`;
  assert.equal(user.level, level, `the level of ${name}`);
  assert.equal(user.uid, setting.command === undefined ? 0 : NOBODY);
  const clock = user.sources.find(({ name }) => name === "vmclock");
  assert.deepEqual(
    user.sources.map(({ name }) => name).toSorted(),
    setting.sources.toSorted(),
    `the sources of ${name}`,
  );
  assert.equal(clock?.confirmedBy, setting.confirmedBy, `page of ${name}`);
  // Without root nobody looks but the library.
  const { counts = "", notifies = "" } = JSON.parse(
    await machine.receiveText("clock"),
  );
  if (user.uid === 0) {
    assert.deepEqual({ counts, notifies }, { counts: false, notifies: false });
  }
  await machine.receive("ready");

  const told = await forkIdle(room, machine, vmgenid);
  // Once by each clone: not a second time by the id, nor by the event that comes later.
  for (const events of told) toldOnce(events, "vmclock", name);

  const fork = await forkWhileDrawing(room, machine, "ours", {
    guids: [0, 1].map(() => vmgenid ? newGuid() : undefined),
    draws: DRAWS,
  });
  await room.end(machine);
  const [a = [], b = []] = fork.clones;
  const { draws, equal } = compare(a, b, fork.position, DRAWS);
  if (level === "memory") assert.equal(equal, 0, `equal draws of ${name}`);
  return [
    kernel,
    how,
    processor === "max",
    user.uid,
    level,
    setting.sources.join(", "),
    setting.confirmedBy,
    counts,
    notifies,
    draws,
    equal,
    [...new Set(told.flat().map(({ source }) => source))].join(", "),
  ];
}

/** Two clones of a guest that waits: what their listeners are told. */
async function forkIdle(
  room: Room,
  machine: Machine,
  vmgenid: boolean | undefined,
): Promise<VmForkEvent[][]> {
  const snapshot = await room.snapshot(machine);
  await machine.resume();
  const told: VmForkEvent[][] = [];
  for (let i = 0; i < 2; i++) {
    const clone = await room.clone(snapshot, vmgenid ? newGuid() : undefined);
    for (let tries = 0; tries < TRIES; tries++) {
      await new Promise((resolve) => setTimeout(resolve, LATE_MS));
      await clone.tell("events");
      told[i] = JSON.parse(await clone.receiveText("events"));
      if (told[i]!.length > 0) break;
    }
    await room.end(clone);
  }
  room.discard(snapshot);
  return told;
}
