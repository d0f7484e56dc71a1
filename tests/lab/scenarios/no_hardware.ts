/** No page and no RDRAND: what the kernel alone gives until it has reseeded. */

import assert from "node:assert/strict";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { KernelName } from "../room/kernels.ts";
import type { Room } from "../room/room.ts";
import { compare, forkWhileDrawing } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { twoAtATime } from "./two_at_a_time.ts";

const DRAWS = 20_000;
const QUICK_DRAWS = 5_000;
const FORKS = 5;
const QUICK_FORKS = 1;

/** See the file's head. */
export const noHardware: Scenario = {
  name: "no-hardware",
  title: "No page and no RDRAND: what repeats until the kernel has reseeded",
  quick: true,
  run,
};

const KERNELS: readonly KernelName[] = ["6.12", "6.1"];
/** It has no driver: the control. */
const BLIND: KernelName = "6.1";

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const draws = quick ? QUICK_DRAWS : DRAWS;
  const rows = await twoAtATime(KERNELS, async (kernel) => {
    const rows: (string | number | null)[][] = [];
    const machine = await room.boot({
      name: `no-hardware-${kernel}`,
      kernel,
      hardware: {
        memory: 160,
        processor: "max,-rdrand,-rdseed",
        processors: 2,
        vmgenid: newGuid(),
      },
      program: {
        command: "deno run -A clones.js --drop-root",
        files: { "clones.js": await bundle("clones.ts") },
      },
    });
    const { level } = JSON.parse(await machine.receiveText("protection"));
    assert.equal(level, "kernel");
    await machine.receive("ready");
    for (const source of ["getrandom", "inputPool"]) {
      for (let i = 0; i < (quick ? QUICK_FORKS : FORKS); i++) {
        const fork = await forkWhileDrawing(room, machine, source, {
          guids: [newGuid(), newGuid()],
          draws,
        });
        const [a = [], b = []] = fork.clones;
        const { equal, prefix, partedAfterMs } = compare(
          a,
          b,
          fork.position,
          draws,
        );
        if (kernel === BLIND) {
          assert.deepEqual(fork.reseeds, [0, 0], "the kernel sees no fork");
          if (source === "getrandom") {
            assert.ok(equal > 0, `getrandom(2) repeats on Linux ${kernel}`);
          }
        }
        rows.push([
          kernel,
          source === "getrandom" ? "getrandom(2)" : "vmfork, level kernel",
          fork.reseeds.every((count) => count > 0) ? "yes" : "no",
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
    "Linux",
    "source",
    "kernel saw the fork",
    "equal",
    "in a row",
    "parted after ms",
  ];
  return {
    tables: [{
      title: `Two clones without hardware randomness, ${draws} draws`,
      columns,
      rows: rows.flat(),
    }],
  };
}
