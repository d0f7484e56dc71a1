/** QEMU's guest agent freezes a guest, and our hook has a program quiesced before the snapshot. */

import assert from "node:assert/strict";
import { shimBytes, shimFile } from "../../../ffi/shim/load.ts";
import type { FreezeDraws, FreezeState } from "../guest/freeze.ts";
import { bundle } from "../room/bundle.ts";
import { newGuid } from "../room/guid.ts";
import type { Machine } from "../room/machine.ts";
import { LAB_SOURCE, PROJECT } from "../room/paths.ts";
import type { Room } from "../room/room.ts";
import { runInGuest } from "./in_guest.ts";
import type { Figures, Scenario } from "./scenario.ts";

const CLONES = 2;
const FOLDER = "/usr/local/lib/vmfork";
const PID = "$(cat /run/vmfork-quiesce/pid)";

/** See the file's head. */
export const freezeHook: Scenario = {
  name: "freeze-hook",
  title: "A freeze by QEMU's guest agent quiesces a program before a snapshot",
  quick: false,
  run,
};

async function run(room: Room): Promise<Figures> {
  const machine = await start(room);
  const level = await machine.receiveText("warm");
  await refuses(machine);

  const before = performance.now();
  const frozen = await machine.agent("guest-fsfreeze-freeze");
  const freezeMs = performance.now() - before;
  await requireQuiesced(machine);
  const snapshot = await room.snapshot(machine);
  await room.end(machine);

  const clones: FreezeDraws[] = [];
  for (let i = 0; i < CLONES; i++) {
    const clone = await room.clone(snapshot, newGuid());
    await requireQuiesced(clone); // until the thaw, whatever the id says
    await clone.agent("guest-fsfreeze-thaw");
    await clone.tell("draws?");
    clones.push(JSON.parse(await clone.receiveText("draws")));
    const { state } = await stateOf(clone);
    assert.equal(state, "running\n", "the service after the thaw");
    await room.end(clone);
  }
  room.discard(snapshot);
  const [a, b] = clones as [FreezeDraws, FreezeDraws];
  const equal = countEqual(a.ours, b.ours);
  const control = countEqual(a.control, b.control);
  assert.equal(equal, 0, "equal draws of ours");
  assert.ok(control > 0, "Deno's own generator repeats after a fork");
  return {
    tables: [{
      title: "A machine frozen by the agent, with our hook",
      columns: ["figure", "value"],
      rows: [
        ["level", level],
        ["frozen while the program stands still", "refused"],
        ["file systems frozen", Number(frozen)],
        ["guest-fsfreeze-freeze, ms", Math.round(freezeMs)],
        ["draws while frozen", "throw, in the source and in the clones"],
        ["draws compared after the thaw", a.ours.length],
        ["equal draws of ours", equal],
        ["equal crypto.randomUUID() of the same process", control],
      ],
    }],
  };
}

async function start(room: Room): Promise<Machine> {
  const shim = shimFile()!;
  const guest = (name: string) =>
    Deno.readTextFileSync(`${LAB_SOURCE}/guest/${name}`);
  const machine = await room.boot({
    name: "freeze-hook",
    system: "debian",
    hardware: { memory: 256, vmgenid: newGuid(), agent: true },
    program: {
      command: `sh freeze.sh ${FOLDER}/${shim.name}`,
      files: {
        "freeze.sh": guest("freeze.sh"),
        "agent.sh": guest("agent.sh"),
        "freeze.js": await bundle("freeze.ts"),
        [`${FOLDER}/${shim.name}`]: shimBytes(shim),
        [`${FOLDER}/freeze-hook`]: Deno.readTextFileSync(
          `${PROJECT}/examples/quiesce/freeze-hook`,
        ),
      },
    },
  });
  return machine;
}

/** A program that does not answer: no freeze, and it goes on as before. */
async function refuses(machine: Machine): Promise<void> {
  await runInGuest(machine, `kill -STOP ${PID}`);
  await assert.rejects(machine.agent("guest-fsfreeze-freeze"), /hook/);
  assert.equal(await machine.agent("guest-fsfreeze-status"), "thawed");
  await runInGuest(machine, `kill -CONT ${PID}`);
}

async function requireQuiesced(machine: Machine): Promise<void> {
  assert.equal(await machine.agent("guest-fsfreeze-status"), "frozen");
  const { thrown, code, state } = await stateOf(machine);
  assert.match(state, /^quiesced /, "what the service told the hook");
  assert.ok(thrown > 0, "draws throw");
  assert.equal(code, "quiesced", "what they say");
}

async function stateOf(machine: Machine): Promise<FreezeState> {
  await machine.tell("state?");
  return JSON.parse(await machine.receiveText("state"));
}

function countEqual(a: readonly string[], b: readonly string[]): number {
  const known = new Set(a);
  return b.filter((value) => known.has(value)).length;
}
