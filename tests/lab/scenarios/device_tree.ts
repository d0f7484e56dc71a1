/**
 * arm64, where a device tree describes the unique id, with a real kernel and Deno on an emulated processor. QEMU
 * has no such device there, so that the lab plays the hypervisor's side: see `room/id_page.ts`.
 */

import assert from "node:assert/strict";
import type { Protection } from "../../../mod.ts";
import type { Facts, HotLoop } from "../guest/device_tree.ts";
import { MEMORY_START } from "../room/arm64.ts";
import { bundle } from "../room/bundle.ts";
import { guidBytes, newGuid } from "../room/guid.ts";
import type { KernelName } from "../room/kernels.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { compare, type Comparison, forkWhileDrawing } from "./fork.ts";
import type { Figures, Scenario } from "./scenario.ts";

const DRAWS = 2_000;
const MEMORY = 256;
/** All above it belongs to the id alone. */
const KERNELS_MEMORY = MEMORY - 2;
/** At the end of its page, as Firecracker puts it. */
const ADDRESS = MEMORY_START + KERNELS_MEMORY * 2 ** 20 + 0xff0;
const LEFT_OUT = `mem=${KERNELS_MEMORY}M`;
const RELAXED = "iomem=relaxed";
/** With RNDR. QEMU takes long for pointer authentication as the architecture has it, and not for its own. */
const PROCESSOR = "max,pauth-impdef=on";
const NO_RNDR = "cortex-a72";
/** Longer than a second word about the same fork would take. */
const LATE_MS = 2_000;

/** See the file's head. */
export const deviceTree: Scenario = {
  name: "device-tree",
  title: "arm64 (emulated), where the unique id is in the device tree",
  quick: false,
  run,
};

interface Setting {
  readonly kernel: KernelName;
  /** Whether the tree reserves the page, or the kernel is not told of that memory at all. */
  readonly reserved?: true;
  readonly append?: string;
  readonly processor?: string;
  readonly driver: boolean;
  readonly level: "hedged" | "kernel";
  /** How the page is confirmed; undefined where it cannot be mapped. */
  readonly confirmedBy?: "driver" | "iomem";
  readonly hot?: true;
}

const SETTINGS: readonly Setting[] = [
  { kernel: "6.1", driver: false, level: "hedged", confirmedBy: "iomem" },
  { kernel: "6.12", driver: true, level: "hedged" },
  {
    kernel: "6.12",
    append: RELAXED,
    driver: true,
    level: "hedged",
    confirmedBy: "driver",
    hot: true,
  },
  {
    kernel: "6.12",
    reserved: true,
    append: RELAXED,
    driver: true,
    level: "hedged",
    confirmedBy: "driver",
  },
  // No driver, no RNDR: nothing but the page parts the clones.
  {
    kernel: "6.1",
    processor: NO_RNDR,
    driver: false,
    level: "kernel",
    confirmedBy: "iomem",
  },
  {
    kernel: "7",
    append: RELAXED,
    driver: true,
    level: "hedged",
    confirmedBy: "driver",
  },
];

type Row = (string | number | boolean)[];

interface Rows {
  readonly machine: Row;
  readonly fork: Row;
  readonly hot?: Row;
}

async function run(room: Room): Promise<Figures> {
  const rows: Rows[] = [];
  // One at a time: an emulated processor takes a whole real one.
  for (const setting of SETTINGS) rows.push(await runOne(room, setting));
  const named = ["Linux", "page", "parameter", "RNDR"];
  return {
    tables: [
      {
        title: "arm64 machines with the unique id in the device tree",
        columns: [
          ...named,
          ...["id at", "driver", "level", "confirmed by", "why not more"],
        ],
        rows: rows.map(({ machine }) => machine),
      },
      {
        title: "Clones of them",
        columns: [
          ...named,
          ...["told of", "interrupts", "kernel said", "draws", "equal"],
          ...["crypto.randomUUID()", "getrandom(2)"],
        ],
        rows: rows.map(({ fork }) => fork),
      },
      {
        title: "Calls into the arm64 shim without pause",
        columns: [...named, "questions to a guard", "draws", "seconds"],
        rows: rows.flatMap(({ hot }) => hot === undefined ? [] : [hot]),
      },
    ],
  };
}

async function runOne(room: Room, setting: Setting): Promise<Rows> {
  const named = describe(setting);
  const machine = await boot(room, setting);
  const found: Protection & { arch: string } = JSON.parse(
    await machine.receiveText("protection"),
  );
  requireProtection(found, setting);
  await machine.receive("ready");
  const facts = await ask<Facts>(machine, "facts");
  assert.equal(facts.driver, setting.driver, `the driver of ${named}`);
  assert.equal(facts.interrupts, 0);
  requireId(machine, facts, setting);

  const idle = await forkIdle(room, machine, setting);
  const ours = await forkOf(room, machine, "ours");
  assert.equal(ours.equal, 0, `equal draws of ${named}`);
  const uuids = await forkOf(room, machine, "randomUUID");
  assert.ok(uuids.equal > 0, `crypto.randomUUID() in clones of ${named}`);
  const kernel = await forkOf(room, machine, "getrandom");
  // Up to one of the kernel's timed reseeds.
  if (!setting.driver) assert.ok(kernel.equal > 0, `kernel of ${named}`);
  const hot = setting.hot && await ask<HotLoop>(machine, "hot");
  await room.end(machine);
  return {
    machine: [
      ...named,
      found.device!.address,
      facts.driver,
      found.level,
      setting.confirmedBy ?? "",
      found.notReached.map(({ reason }) => reason).join("; "),
    ],
    fork: [
      ...named,
      ...idle,
      ours.draws,
      ...[ours, uuids, kernel].map(({ equal }) => equal),
    ],
    ...(hot && {
      hot: [...named, hot.questions, hot.draws, Math.round(hot.seconds)],
    }),
  };
}

function describe({ kernel, reserved, append, processor }: Setting): Row {
  return [
    kernel,
    reserved ? "reserved" : "left out",
    append ?? "",
    processor === undefined,
  ];
}

async function boot(room: Room, setting: Setting): Promise<Machine> {
  const { kernel, reserved, append, processor = PROCESSOR } = setting;
  const mapped = setting.confirmedBy !== undefined;
  return await room.boot({
    name: `arm64-${kernel}`,
    kernel,
    hardware: {
      architecture: "arm64",
      processor,
      memory: MEMORY,
      vmgenid: newGuid(),
      idPage: { address: ADDRESS, reserved: reserved === true },
      append: [reserved ? [] : LEFT_OUT, append ?? []].flat().join(" "),
    },
    program: {
      command: `deno run -A device_tree.js ${mapped ? "mapped" : ""}`.trim(),
      files: { "device_tree.js": await bundle("device_tree.ts") },
    },
  });
}

/** That what the library says is so. */
function requireProtection(
  found: Protection & { arch: string },
  setting: Setting,
): void {
  const { level, confirmedBy, processor } = setting;
  const name = describe(setting).join();
  assert.equal(found.arch, "aarch64");
  assert.equal(found.shim, "memfd");
  assert.equal(found.level, level, `the level of ${name}`);
  assert.equal(found.hardware.includes("draw"), processor === undefined);
  assert.deepEqual(found.device, {
    path: "/vmgenid",
    hid: "",
    address: `0x${ADDRESS.toString(16)}`,
  });
  const sources = confirmedBy === undefined ? [] : [{
    name: "vmgenid",
    timely: false,
    consulted: "draws",
    confirmedBy,
    path: "/vmgenid",
  }];
  assert.deepEqual(found.sources, sources, `the sources of ${name}`);
  const [why] = found.notReached;
  const reason = confirmedBy === undefined ? /IO_STRICT_DEVMEM/ : /late/;
  assert.match(why?.reason ?? "", reason, `why not more of ${name}`);
}

/** That the page shows what the lab wrote into the machine's memory. */
function requireId(machine: Machine, { id }: Facts, setting: Setting): void {
  if (setting.confirmedBy === undefined) return;
  assert.equal(id, guidBytes(machine.hardware.vmgenid!).toHex());
}

/** A clone of a guest that waits: what its listeners are told, what the kernel hears and says. */
async function forkIdle(
  room: Room,
  machine: Machine,
  setting: Setting,
): Promise<[string, number, number]> {
  const name = describe(setting).join();
  const snapshot = await room.snapshot(machine);
  await machine.resume();
  const clone = await room.clone(snapshot, newGuid());
  const told = setting.confirmedBy === undefined
    ? ""
    : await clone.receiveText("told");
  await new Promise((resolve) => setTimeout(resolve, LATE_MS));
  const facts = await ask<Facts>(clone, "facts");
  requireId(clone, facts, setting);
  const sources = facts.events.map(({ source }) => source);
  assert.deepEqual(sources, told === "" ? [] : ["vmgenid"], `told, ${name}`);
  const reseeds = clone.reseeds();
  const heard = setting.driver ? 1 : 0;
  assert.deepEqual([facts.interrupts, reseeds], [heard, heard], name);
  await room.end(clone);
  room.discard(snapshot);
  return [told, facts.interrupts, reseeds];
}

/** Two clones of a guest that draws. */
async function forkOf(
  room: Room,
  machine: Machine,
  source: string,
): Promise<Comparison> {
  const fork = await forkWhileDrawing(room, machine, source, {
    guids: [newGuid(), newGuid()],
    draws: DRAWS,
  });
  const [a = [], b = []] = fork.clones;
  return compare(a, b, fork.position, DRAWS);
}

async function ask<T>(machine: Machine, what: string): Promise<T> {
  await machine.tell(what);
  return JSON.parse(await machine.receiveText(what));
}
