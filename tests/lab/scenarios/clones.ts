/** Two clones with an id each, drawing back to back: what repeats, source by source. */

import assert from "node:assert/strict";
import type { SourceRepeats, Strips } from "../figures.ts";
import type { DrawRecord } from "../guest/records.ts";
import { bundle } from "../room/bundle.ts";
import { npmPackage } from "../room/npm_package.ts";
import { newGuid } from "../room/guid.ts";
import type { Hardware } from "../room/hardware.ts";
import { say, seconds } from "../room/progress.ts";
import type { Room } from "../room/room.ts";
import { compare, type Fork, forkWhileDrawing } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";

const DRAWS = 20_000;
/** More than the 4,096 UUIDs after which Deno's own generator reseeds. */
const QUICK_DRAWS = 5_000;
/** Key pairs take milliseconds each in an emulated machine. */
const QUICK_KEYS = 300;
/** 20,000 key pairs in two emulated machines at once. */
const TIMEOUT_MS = 1_800_000;
const STRIP_BEFORE = 4;
const STRIP_AFTER = 12;

/** See the file's head. */
export const clones: Scenario = {
  name: "clones",
  title: "Two clones draw back to back: what repeats, source by source",
  quick: true,
  run,
};

interface Row {
  /** The guest's name for it. */
  readonly source: string;
  /** Ours for it. */
  readonly title: string;
  readonly ours?: boolean;
  readonly slow?: boolean;
  /** What must repeat, as the control: all draws, or some until it reseeds by itself. */
  readonly control?: "all" | "some";
}

interface Setting {
  readonly name: string;
  readonly hardware: Hardware;
  readonly file: string;
  readonly program: string;
  readonly command: string;
  readonly level?: string;
  /** Not in the quick form. */
  readonly slow?: true;
  /** What stands beside the program. */
  readonly files?: () => Promise<Readonly<Record<string, Uint8Array>>>;
  readonly rows: readonly Row[];
}

const HARDWARE = { memory: 160, vmgenid: newGuid() };
const INPUT_POOL = {
  source: "inputPool",
  title: "vmfork, input-pool",
  ours: true,
};

const SETTINGS: readonly Setting[] = [
  {
    name: "deno",
    hardware: HARDWARE,
    file: "clones.js",
    program: "clones.ts",
    command: "deno run -A clones.js",
    level: "memory",
    rows: [
      {
        source: "randomUUID",
        title: "Deno crypto.randomUUID()",
        control: "some",
      },
      { source: "getRandomValues", title: "Deno crypto.getRandomValues(16)" },
      { source: "ed25519", title: "Deno node:crypto Ed25519 keys", slow: true },
      { source: "nanoid", title: "Deno nanoid()" },
      INPUT_POOL,
      { source: "getrandom", title: "getrandom(2)" },
      { source: "injection", title: "vmfork, injection", ours: true },
    ],
  },
  {
    name: "node",
    hardware: HARDWARE,
    file: "clones.mjs",
    program: "clones_node.ts",
    command: "node clones.mjs",
    rows: [
      { source: "randomUUID", title: "Node randomUUID()", control: "all" },
      { source: "randomBytes", title: "Node randomBytes(16)" },
      { source: "ed25519", title: "Node Ed25519 keys", slow: true },
      { source: "nanoid", title: "Node nanoid()" },
    ],
  },
  {
    name: "npm",
    hardware: HARDWARE,
    file: "clones.mjs",
    program: "clones_npm.ts",
    command: "node clones.mjs",
    level: "memory",
    files: npmPackage,
    rows: [
      { ...INPUT_POOL, title: "vmfork on Node, input-pool" },
      { source: "injection", title: "vmfork on Node, injection", ours: true },
      {
        source: "randomUUID",
        title: "vmfork on Node, randomUUID()",
        ours: true,
      },
    ],
  },
  {
    name: "hedged",
    hardware: HARDWARE,
    file: "clones.js",
    program: "clones.ts",
    command: "deno run -A clones.js --drop-root",
    level: "hedged",
    rows: [INPUT_POOL],
  },
  {
    name: "kernel",
    hardware: { ...HARDWARE, processor: "max,-rdrand,-rdseed" },
    file: "clones.js",
    program: "clones.ts",
    command: "deno run -A clones.js --drop-root",
    level: "kernel",
    rows: [
      { source: "getrandom", title: "getrandom(2), no RDRAND" },
      INPUT_POOL,
    ],
  },
  {
    name: "urandom",
    hardware: HARDWARE,
    file: "clones.js",
    program: "clones.ts",
    command: "deno run -A clones.js --no-ffi",
    level: "kernel",
    slow: true,
    rows: [{ ...INPUT_POOL, title: "vmfork over /dev/urandom" }],
  },
];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const repeats: SourceRepeats[] = [];
  const strips: Strips[] = [];
  for (const setting of SETTINGS) {
    if (quick && setting.slow) continue;
    const { name, hardware, file, program, command, level } = setting;
    const machine = await room.boot({
      name,
      hardware,
      program: {
        command,
        files: { ...await setting.files?.(), [file]: await bundle(program) },
      },
    });
    if (level !== undefined) {
      const protection = JSON.parse(await machine.receiveText("protection"));
      assert.equal(protection.level, level, `the level of "${name}"`);
    }
    await machine.receive("ready");
    for (const { source, title, ours = false, slow, control } of setting.rows) {
      const start = performance.now();
      const draws = !quick ? DRAWS : slow ? QUICK_KEYS : QUICK_DRAWS;
      const fork = await forkWhileDrawing(room, machine, source, {
        guids: [newGuid(), newGuid()],
        draws,
        timeoutMs: TIMEOUT_MS,
      });
      const [a = [], b = []] = fork.clones;
      const comparison = compare(a, b, fork.position, draws);
      say(
        `${
          seconds(performance.now() - start)
        } ${title}: ${comparison.equal} of ${comparison.draws} equal`,
      );
      if (control !== undefined) {
        const { equal, draws } = comparison;
        const repeats = control === "all" ? equal === draws : equal > 0;
        assert.ok(repeats, `${title}, the control: ${equal} of ${draws} equal`);
      }
      repeats.push({
        source: title,
        ours,
        ...(ours && level !== undefined && { level }),
        ...comparison,
      });
      strips.push(stripsOf(title, fork));
    }
    await room.end(machine);
  }
  for (const { source, level, ours, equal } of repeats) {
    if (!ours || level === "kernel") continue;
    assert.equal(equal, 0, `equal draws of ${source} at level ${level}`);
  }
  return { clones: { repeats, strips } };
}

function stripsOf(source: string, { clones, position }: Fork): Strips {
  const [a, b] = clones.map((records) => stripOf(records, position)) as [
    number[],
    number[],
  ];
  const width = clones[0]?.[0]?.value.length ?? 0;
  return { source, a, b, fork: STRIP_BEFORE * width };
}

/** The draw that was going on at the snapshot is left out. */
function stripOf(records: readonly DrawRecord[], position: number): number[] {
  const before = records.filter(({ sequence }) => sequence < position);
  const after = records.filter(({ sequence }) => sequence > position);
  return [...before.slice(-STRIP_BEFORE), ...after.slice(0, STRIP_AFTER)]
    .flatMap(({ value }) => [...value]);
}
