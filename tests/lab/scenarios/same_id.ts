/** Forks that keep the unique id: nobody in the guest can see them. */

import assert from "node:assert/strict";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { unpackRecords } from "../guest/records.ts";
import { compare, type Fork, forkWhileDrawing, positionOf } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { twoAtATime } from "./two_at_a_time.ts";

const DRAWS = 20_000;
const QUICK_DRAWS = 3_000;
const NO_HARDWARE = "max,-rdrand,-rdseed";
/** Draws of 16 bytes in a buffer of 992: the next one has a nonce of its own. */
const ONE_BUFFER = 62;

/** See the file's head. */
export const sameId: Scenario = {
  name: "same-id",
  title: "The same id twice, and rollback with loadvm: what repeats",
  quick: true,
  run,
};

interface Setting {
  readonly level: string;
  readonly processor: string;
  readonly flags: string;
  /** The most draws that may repeat; undefined where nothing is promised. */
  readonly most?: number;
  readonly sources: readonly string[];
  readonly quick?: true;
}

const SETTINGS: readonly Setting[] = [
  {
    level: "memory",
    processor: "max",
    flags: "",
    most: ONE_BUFFER,
    sources: ["randomUUID", "inputPool", "injection"],
    quick: true,
  },
  {
    level: "memory",
    processor: NO_HARDWARE,
    flags: "",
    sources: ["inputPool"],
  },
  {
    level: "hedged",
    processor: "max",
    flags: "--drop-root",
    most: 0,
    sources: ["inputPool"],
    quick: true,
  },
  {
    level: "kernel",
    processor: NO_HARDWARE,
    flags: "--drop-root",
    sources: ["getrandom", "inputPool"],
  },
];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const draws = quick ? QUICK_DRAWS : DRAWS;
  const chosen = SETTINGS.filter((setting) => setting.quick || !quick);
  const rows = await twoAtATime(chosen, async (setting) => {
    const { level, processor, flags, most, sources } = setting;
    const rows: (string | number | boolean | null)[][] = [];
    const guid = newGuid();
    const machine = await room.boot({
      name: `same-id-${level}`,
      hardware: { memory: 160, processor, vmgenid: guid },
      program: {
        command: `deno run -A clones.js ${flags}`,
        files: { "clones.js": await bundle("clones.ts") },
      },
    });
    const found = JSON.parse(await machine.receiveText("protection"));
    assert.equal(found.level, level);
    await machine.receive("ready");
    for (const source of sources) {
      const guids = [guid, guid];
      const twice = await forkWhileDrawing(room, machine, source, {
        guids,
        draws,
      });
      const rolled = await rollBack(machine, source, draws);
      for (
        const [how, fork] of [["same id", twice], ["loadvm", rolled]] as const
      ) {
        const [a = [], b = []] = fork.clones;
        const { equal, prefix, partedAfterMs } = compare(
          a,
          b,
          fork.position,
          draws,
        );
        const ours = source === "inputPool" || source === "injection";
        assert.deepEqual(fork.reseeds, [0, 0], "the kernel sees no fork");
        if (ours && most !== undefined) {
          assert.ok(equal <= most, `${equal} draws repeat at level ${level}`);
        }
        if (source === "randomUUID") {
          assert.ok(equal > 0, "the control repeats");
        }
        rows.push([
          how,
          ours ? level : "",
          processor !== NO_HARDWARE,
          source,
          equal,
          prefix,
          partedAfterMs && Math.round(partedAfterMs),
        ]);
      }
    }
    await room.end(machine);
    return rows;
  });
  const columns = [
    "fork",
    "level",
    "RDRAND",
    "source",
    "equal",
    "in a row",
    "parted after ms",
  ];
  const title = `The id stays, no kernel noticed; of ${draws} draws`;
  return { tables: [{ title, columns, rows: rows.flat() }] };
}

/** Runs a machine on from the same moment twice, which QEMU keeps under a tag. */
export async function rollBack(
  machine: Machine,
  source: string,
  draws: number,
  tag: string = source,
): Promise<Fork> {
  const before = machine.reseeds();
  await machine.tell(`draw ${source} ${draws}`);
  await machine.receive("warm");
  await machine.pause();
  await machine.save(tag);
  const position = await positionOf(machine);
  await machine.tell("report");
  await machine.resume();
  const clones = [unpackRecords(await machine.receive("records"))];
  await machine.pause();
  await machine.load(tag);
  await machine.tell("report");
  await machine.resume();
  clones.push(unpackRecords(await machine.receive("records")));
  const reseeds = machine.reseeds() - before;
  return { position, clones, reseeds: [reseeds, reseeds] };
}
