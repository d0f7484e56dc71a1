/** The first draw after resume, of a process that was warm and had never drawn. */

import assert from "node:assert/strict";
import type { FirstDraw } from "../guest/first_draw.ts";
import { bundle } from "../room/bundle.ts";
import { countRepeated, countShared } from "../room/compare.ts";
import { guidBytes, newGuid } from "../room/guid.ts";
import type { KernelName } from "../room/kernels.ts";
import type { Room } from "../room/room.ts";
import { median } from "./median.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { spinner, SPINS, spins } from "./spinner.ts";
import { twoAtATime } from "./two_at_a_time.ts";

const CLONES = 4;
const QUICK_CLONES = 2;
const NO_HARDWARE = "max,-rdrand,-rdseed";
/** Where SeaBIOS puts the id on a pc: in the last page of the memory. */
const PAGE = 4096;
const OFFSET = 40;
const KERNELS_OWN = "getrandom(2)";
/** Drawn after all that the main thread drew of ours: if it repeats, the kernel had not reseeded before. */
const KERNELS_LATER = "getrandom(2) alone, later";

/** See the file's head. */
export const firstDraw: Scenario = {
  name: "first-draw",
  title: "The first draw after resume, of a process that had never drawn",
  quick: true,
  run,
};

type Table = NonNullable<Figures["tables"]>[number];

interface Setting {
  readonly level: string;
  readonly processor: string;
  readonly flags: string;
  readonly kernel: KernelName;
  /** Whether the kernel's own generator goes on in each clone as it was: the control. */
  readonly stuck?: true;
  /** Not in the quick form. */
  readonly slow?: true;
}

const SETTINGS: readonly Setting[] = [
  { level: "memory", processor: "max", flags: "", kernel: "6.12" },
  {
    level: "memory",
    processor: NO_HARDWARE,
    flags: "",
    kernel: "6.12",
    slow: true, // 6.1 below asks more of the same
  },
  { level: "hedged", processor: "max", flags: "--drop-root", kernel: "6.12" },
  {
    level: "kernel",
    processor: NO_HARDWARE,
    flags: "--drop-root",
    kernel: "6.12",
  },
  // An emulated Deno draws later than the kernel's driver reseeds: without the driver the page alone parts the clones.
  {
    level: "memory",
    processor: NO_HARDWARE,
    flags: "--reseed-kernel",
    kernel: "6.1",
    stuck: true,
  },
  {
    level: "memory",
    processor: NO_HARDWARE,
    flags: "--reseed-kernel --quiesce",
    kernel: "6.1",
    stuck: true,
    slow: true,
  },
];

async function run(
  room: Room,
  { quick, clones = quick ? QUICK_CLONES : CLONES }: ScenarioOptions,
): Promise<Figures> {
  const chosen = SETTINGS.filter(({ slow }) => !quick || !slow);
  const forks = await twoAtATime(
    chosen,
    (setting) => fork(room, clones, setting),
  );
  const rows: (string | number | boolean)[][] = [];
  for (const [n, setting] of chosen.entries()) {
    const { level, processor, flags, kernel, stuck } = setting;
    const drawn = forks[n] ?? [];
    for (const [i, { what }] of (drawn[0] ?? []).entries()) {
      const draws = drawn.map((list) => list[i]!);
      const repeated = countRepeated(draws.map(({ hex }) => hex));
      const kernels = what.startsWith(KERNELS_OWN);
      if (!kernels && level !== "kernel") {
        assert.equal(repeated, 0, `${what} at level ${level}, Linux ${kernel}`);
      }
      if (stuck && what === KERNELS_LATER) {
        assert.ok(repeated > 0, `the control repeats on Linux ${kernel}`);
      }
      rows.push([
        kernel,
        kernels ? "" : level,
        processor !== NO_HARDWARE,
        flags.includes("--quiesce"),
        what,
        draws.reduce((sum, { hex }) => sum + hex.length, 0),
        repeated,
        Math.round(median(draws.map(({ ms }) => ms))),
      ]);
    }
  }
  const columns = [
    "Linux",
    "level",
    "RDRAND",
    "quiesced",
    "draw",
    "draws",
    "in another clone",
    "ms after the page",
  ];
  const title = `First draws of ${clones} clones`;
  const alone = await spin(room, clones);
  return { tables: [{ title, columns, rows }, alone] };
}

/** What getrandom(2) gives from the first instruction that sees the new page. */
async function spin(room: Room, clones: number): Promise<Table> {
  const memory = 128;
  const address = (BigInt(memory) << 20n) - BigInt(PAGE) + BigInt(OFFSET);
  const vmgenid = newGuid();
  const source = await room.boot({
    name: "spinner",
    hardware: { memory, vmgenid },
    program: {
      command:
        "./spinner >/tmp/draws; deno run -A send_file.js draws /tmp/draws",
      files: {
        "spinner": spinner(address - BigInt(OFFSET)),
        "send_file.js": await bundle("send_file.ts"),
      },
    },
  });
  await source.waitForConsole(SPINS);
  const seen = await source.memory(Number(address), 16);
  assert.deepEqual(seen, guidBytes(vmgenid), "the id is where SeaBIOS puts it");
  const snapshot = await room.snapshot(source);
  await room.end(source);
  const drawn: string[][] = [];
  for (let i = 0; i < clones; i++) {
    const clone = await room.clone(snapshot, newGuid());
    drawn.push(spins(await clone.receive("draws")).map(({ hex }) => hex));
    await room.end(clone);
  }
  room.discard(snapshot);
  const [first = [], ...others] = drawn;
  return {
    title: "getrandom(2) alone, drawn at once by a program of 50 instructions",
    columns: ["clones", "draws of each", "in both"],
    rows: others.map((other, i) => [
      `1 and ${i + 2}`,
      other.length,
      countShared(first, other),
    ]),
  };
}

async function fork(
  room: Room,
  clones: number,
  { level, processor, flags, kernel, stuck }: Setting,
): Promise<FirstDraw[][]> {
  // Each processor has a key of the kernel's: a thread that changes over in one clone would hide a repeat.
  const processors = stuck ? 1 : 2;
  const source = await room.boot({
    name: `first-draw-${level}`,
    kernel,
    hardware: { memory: 192, processors, processor, vmgenid: newGuid() },
    program: {
      command: `deno run -A first_draw.js ${flags}`,
      files: {
        "first_draw.js": await bundle("first_draw.ts"),
        "first_worker.js": await bundle("first_worker.ts"),
      },
    },
  });
  assert.equal(await source.receiveText("warm"), level);
  const snapshot = await room.snapshot(source);
  await room.end(source);
  const drawn: FirstDraw[][] = [];
  for (let i = 0; i < clones; i++) {
    const clone = await room.clone(snapshot, newGuid());
    drawn.push(JSON.parse(await clone.receiveText("draws")));
    await room.end(clone);
  }
  room.discard(snapshot);
  return drawn;
}
