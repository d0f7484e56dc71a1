/** The room itself: a fork works, is seen, and repeats Deno's own draws. */

import assert from "node:assert/strict";
import { bundle } from "../room/bundle.ts";
import { equalPrefix } from "../room/compare.ts";
import { guidBytes, newGuid } from "../room/guid.ts";
import { type Machine, RESEEDED } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";

const WARM = 1_000;

/** See the file's head. */
export const smoke: Scenario = {
  name: "smoke",
  title: "The room: two clones of a running Deno, and what both draw",
  quick: true,
  run,
};

async function run(room: Room, options: ScenarioOptions): Promise<Figures> {
  const source = await room.boot({
    name: "smoke",
    hardware: { memory: 128, vmgenid: newGuid() },
    program: {
      command: "deno run -A smoke.js",
      files: { "smoke.js": await bundle("smoke.ts") },
    },
  });
  const address = Number(await source.receiveText("address"));
  await checkId(source, address);
  const before = await sequenceOf(source, WARM);

  const snapshot = await room.snapshot(source);
  await source.resume();
  const guids = Array.from({ length: options.clones ?? 2 }, newGuid);
  const draws: string[][] = [];
  for (const guid of guids) {
    const clone = await room.clone(snapshot, guid);
    await checkId(clone, address);
    draws.push((await clone.receiveText("draws")).split("\n"));
    await clone.waitForConsole(RESEEDED);
    assert.equal(clone.reseeds(), 1, "the kernel saw the fork once");
    await room.end(clone);
  }
  const after = await sequenceOf(source, before + 1);
  await checkId(source, address);
  assert.equal(source.reseeds(), 0, "the source was not forked");
  await room.end(source);
  room.discard(snapshot);

  const [first = [], second = []] = draws;
  const equal = equalPrefix(first, second);
  assert.ok(equal > 0, "Deno's own generator repeats after a fork");
  return {
    tables: [{
      title: "The room",
      columns: ["figure", "value"],
      rows: [
        ["unique id at", `0x${address.toString(16)}`],
        ["clones with an id of their own", guids.length],
        ["clones whose kernel saw the fork", guids.length],
        ["draws compared", Math.min(first.length, second.length)],
        ["equal crypto.randomUUID() in a row", equal],
        ["draws of the source before the fork", before],
        ["draws of the source in the end", after],
        ["snapshot, bytes", snapshot.bytes],
        ["snapshot, ms", Math.round(snapshot.pauseMs)],
      ],
    }],
  };
}

/** How many draws a machine has made, once there are enough of them. */
async function sequenceOf(machine: Machine, enough: number): Promise<number> {
  while (true) {
    await machine.tell("sequence?");
    const sequence = Number(await machine.receiveText("sequence"));
    if (sequence >= enough) return sequence;
  }
}

/** The id in memory is the one that this machine was started with. */
async function checkId(machine: Machine, address: number): Promise<void> {
  const seen = await machine.memory(address, 16);
  const wanted = guidBytes(machine.hardware.vmgenid ?? "");
  assert.deepEqual(seen, wanted, "the id in guest memory");
}
