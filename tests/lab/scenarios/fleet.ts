/** Many clones of one snapshot, and clones of clones. */

import assert from "node:assert/strict";
import { unpackRecords } from "../guest/records.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { keyOf } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";

const CLONES = 8;
const CLONES_OF_CLONES = 2;
const GENERATIONS = 3;

/** See the file's head. */
export const fleet: Scenario = {
  name: "fleet",
  title: "Many clones of one snapshot, and clones of clones",
  quick: true,
  run,
};

interface Member {
  readonly generation: number;
  readonly values: ReadonlySet<string>;
}

async function run(
  room: Room,
  { clones = CLONES }: ScenarioOptions,
): Promise<Figures> {
  const source = await room.boot({
    name: "fleet",
    hardware: { memory: 128, vmgenid: newGuid() },
    program: {
      command: "deno run -A fleet.js",
      files: { "fleet.js": await bundle("fleet.ts") },
    },
  });
  assert.equal(await source.receiveText("warm"), "memory");

  const members: Member[] = [];
  let parent: Machine = source;
  for (let generation = 1; generation <= GENERATIONS; generation++) {
    const snapshot = await room.snapshot(parent);
    await room.end(parent);
    const amount = generation === 1 ? clones : CLONES_OF_CLONES;
    for (let i = 1; i <= amount; i++) {
      const clone = await room.clone(snapshot, newGuid());
      const records = unpackRecords(await clone.receive("draws"));
      const values = new Set(records.map(({ value }) => keyOf(value)));
      assert.equal(values.size, records.length, "equal draws in one clone");
      members.push({ generation, values });
      if (i === amount) parent = clone;
      else await room.end(clone);
    }
    room.discard(snapshot);
  }
  await room.end(parent);

  let pairs = 0;
  let equal = 0;
  for (const [i, a] of members.entries()) {
    for (const b of members.slice(i + 1)) {
      pairs++;
      equal += a.values.intersection(b.values).size;
    }
  }
  assert.equal(equal, 0, "equal draws of two clones");
  const rows = Array.from({ length: GENERATIONS }, (_, i) => {
    const of = members.filter(({ generation }) => generation === i + 1);
    return [i + 1, of.length, of.reduce((sum, m) => sum + m.values.size, 0)];
  });
  return {
    tables: [
      { title: "Clones", columns: ["generation", "clones", "draws"], rows },
      {
        title: "Compared with each other",
        columns: ["pairs", "equal draws"],
        rows: [[pairs, equal]],
      },
    ],
  };
}
