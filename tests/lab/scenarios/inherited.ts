/** A program without root, given a descriptor by a shell that has it. */

import assert from "node:assert/strict";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { Room } from "../room/room.ts";
import { compare, forkWhileDrawing } from "./fork.ts";
import type { Figures, Scenario } from "./scenario.ts";
import { NOBODY, USERS } from "./users.ts";

const DRAWS = 5_000;
const COMMAND = [
  "address=$(deno run -A address.js)",
  "exec 3</dev/mem",
  `exec su -s /bin/sh nobody -c "exec deno run -A inherited.js 3 $address"`,
].join("\n");

/** See the file's head. */
export const inherited: Scenario = {
  name: "inherited",
  title: "Without root, by a descriptor that a parent has opened",
  quick: true,
  run,
};

async function run(room: Room): Promise<Figures> {
  const machine = await room.boot({
    name: "inherited",
    hardware: { memory: 160, vmgenid: newGuid() },
    program: {
      command: COMMAND,
      files: {
        "address.js": await bundle("address.ts"),
        "inherited.js": await bundle("inherited.ts"),
        ...USERS,
      },
    },
  });
  const { uid, level, confirmedBy } = JSON.parse(
    await machine.receiveText("user"),
  );
  assert.deepEqual([uid, level], [NOBODY, "memory"], "user and level");
  await machine.receive("ready");
  const rows: (string | number)[][] = [];
  for (const source of ["inputPool", "injection"]) {
    const fork = await forkWhileDrawing(room, machine, source, {
      guids: [newGuid(), newGuid()],
      draws: DRAWS,
    });
    const [a = [], b = []] = fork.clones;
    const { draws, equal } = compare(a, b, fork.position, DRAWS);
    assert.equal(equal, 0, "equal draws");
    rows.push([uid, level, confirmedBy, source, draws, equal]);
  }
  const columns = [
    "uid",
    "level",
    "confirmed by",
    "strategy",
    "draws",
    "equal",
  ];
  return { tables: [{ title: "By an inherited descriptor", columns, rows }] };
}
