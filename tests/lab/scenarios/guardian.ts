/** The kernel's window after a fork, and after a rollback that keeps the id, with and without the guardian. */

import assert from "node:assert/strict";
import { shimBytes, shimFile } from "../../../ffi/shim/load.ts";
import { bundle } from "../room/bundle.ts";
import { countShared, lastShared } from "../room/compare.ts";
import { newGuid } from "../room/guid.ts";
import type { KernelName } from "../room/kernels.ts";
import { type Machine, RESEEDED } from "../room/machine.ts";
import { LAB_SOURCE, PROJECT } from "../room/paths.ts";
import { say } from "../room/progress.ts";
import type { Room } from "../room/room.ts";
import { compare } from "./fork.ts";
import { runInGuest } from "./in_guest.ts";
import { median } from "./median.ts";
import { rollBack } from "./same_id.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";
import { DRAWS, type Spin, spinner, SPINS, spins } from "./spinner.ts";

/** Where SeaBIOS puts the id on a pc: in the last page of the memory. */
const PAGE = 4096n;
const MEMORY = 256;
const ROUNDS = 3;
const QUICK_ROUNDS = 1;
const ROLLED_DRAWS = 5_000;
const LONGEST_PAUSE_MS = 300;
const FOLDER = "/usr/local/lib/vmfork";
const UNIT = "vmfork-guardian.service";
/** Deno starts slowly in an emulated machine that spins at the same time. */
const START_TIMEOUT_MS = 300_000;
const STARTED = "healed the kernel, seen by start";
/** Draws 0.2 s later, ten times as long as the guardian waits at most between two looks. */
const DRAWS_LATER = 1_000;

const KERNELS = [{ kernel: "6.12", driver: true }, {
  kernel: "6.1",
  driver: false,
}] as const satisfies readonly { kernel: KernelName; driver: boolean }[];

/** See the file's head. */
export const guardian: Scenario = {
  name: "guardian",
  title: "The kernel's own window, with and without the guardian",
  quick: false,
  run,
};

type Table = NonNullable<Figures["tables"]>[number];
type Row = (string | number | boolean | null)[];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const rounds = quick ? QUICK_ROUNDS : ROUNDS;
  const forks: Row[] = [];
  const rolls: Row[] = [];
  let unit: Table | undefined;
  for (const { kernel, driver } of KERNELS) {
    const machine = await start(room, kernel);
    for (const guarded of [false, true]) {
      if (guarded) await guard(machine);
      const setting = { kernel, driver, guarded };
      forks.push(await forkOften(room, machine, rounds, setting));
    }
    if (driver) {
      unit = await describeUnit(machine);
      for (const guarded of [false, true]) {
        rolls.push(await rollOnce(machine, guarded));
      }
    }
    await room.end(machine);
  }
  return { tables: [forksTable(forks, rounds), rollsTable(rolls), unit!] };
}

/** A Debian with systemd, the guardian installed and not started. */
async function start(room: Room, kernel: KernelName): Promise<Machine> {
  const shim = shimFile()!;
  const read = (path: string) => Deno.readTextFileSync(path);
  const guest = (name: string) => read(`${LAB_SOURCE}/guest/${name}`);
  const machine = await room.boot({
    name: `guardian-${kernel}`,
    kernel,
    system: "debian",
    hardware: { memory: MEMORY, vmgenid: newGuid(), agent: true },
    program: {
      command: "sh guardian.sh",
      files: {
        "guardian.sh": guest("guardian.sh"),
        "agent.sh": guest("agent.sh"),
        "spin.sh": guest("spin.sh"),
        "spinner": spinner((BigInt(MEMORY) << 20n) - PAGE),
        "clones.js": await bundle("clones.ts"),
        [`${FOLDER}/guardian.js`]: await bundle(`${PROJECT}/ffi/guardian.ts`),
        [`${FOLDER}/${shim.name}`]: shimBytes(shim),
        [`/etc/systemd/system/${UNIT}`]: read(
          `${PROJECT}/examples/guardian/${UNIT}`,
        ),
        // The journal is the place for its lines; here the host reads along.
        [`/etc/systemd/system/${UNIT}.d/lab.conf`]:
          "[Service]\nStandardOutput=journal+console\n",
      },
    },
  });
  await runInGuest(machine, "systemd-run --unit=spin sh /lab/spin.sh");
  await machine.waitForConsole(SPINS);
  return machine;
}

/** Starts the unit and sees it active. */
async function guard(machine: Machine): Promise<void> {
  await runInGuest(machine, `systemctl start ${UNIT}`);
  await machine.waitForConsole(STARTED, START_TIMEOUT_MS);
  const state = await runInGuest(machine, `systemctl is-active ${UNIT}`);
  assert.equal(state, "active", "the unit's state");
}

interface Setting {
  readonly kernel: string;
  readonly driver: boolean;
  readonly guarded: boolean;
}

/** What one clone drew. */
interface Drawn {
  /** By the small program, from the new page on. */
  readonly spins: readonly Spin[];
  /** By another one, 0.2 s later. */
  readonly later: readonly string[];
}

/** Two clones of the waiting program in each round, and what both drew. */
async function forkOften(
  room: Room,
  machine: Machine,
  rounds: number,
  setting: Setting,
): Promise<Row> {
  const { kernel, driver, guarded } = setting;
  const equal: number[] = [];
  const partedMs: number[] = [];
  const equalLater: number[] = [];
  let partedEarly = 0;
  for (let round = 0; round < rounds; round++) {
    if (round > 0) await machine.resume();
    await sleep(Math.random() * LONGEST_PAUSE_MS);
    const snapshot = await room.snapshot(machine);
    const pair: Drawn[] = [];
    for (let i = 0; i < 2; i++) {
      const clone = await room.clone(snapshot, newGuid());
      const drawn = spins(await clone.receive("draws"));
      if (driver) await clone.waitForConsole(RESEEDED);
      else assert.equal(clone.reseeds(), 0, "the kernel sees no fork");
      if (guarded) await healing(clone, "vmgenid");
      const later = valuesIn(await clone.receive("later"));
      assert.equal(later.length, DRAWS_LATER);
      pair.push({ spins: drawn, later });
      await room.end(clone);
    }
    room.discard(snapshot);
    const [a, b] = pair as [Drawn, Drawn];
    const [first, second] = [a.spins.map(hexOf), b.spins.map(hexOf)];
    const shared = countShared(first, second);
    const parted = lastShared(first, second) + 1;
    equal.push(shared);
    if (parted < DRAWS) {
      for (const { spins } of pair) {
        partedMs.push(spins[parted]!.ms - spins[0]!.ms);
      }
    }
    if (parted <= DRAWS / 2) partedEarly++;
    const sharedLater = countShared([...first, ...a.later], b.later) +
      countShared(second, a.later);
    equalLater.push(sharedLater);
    if (guarded) assert.equal(sharedLater, 0, "equal draws 0.2 s later");
    say(
      `${kernel}, ${
        guarded ? "guarded" : "alone"
      }: ${shared} of ${DRAWS}, later ${sharedLater} of ${DRAWS_LATER}`,
    );
  }
  await machine.resume();
  if (!driver && !guarded) {
    assert.ok(
      equal.every((count) => count === DRAWS),
      "a kernel alone repeats",
    );
    // A timed reseed may have come in between, but hardly every time.
    assert.ok(
      equalLater.some((count) => count > 0),
      "a kernel alone still repeats 0.2 s later",
    );
  }
  if (guarded) {
    // Each clone was healed; on a busy host one may have drawn it all before. Far from the end, so that a stream
    // that is merely shifted does not count as parted.
    assert.ok(partedEarly > 0, "a guarded kernel parts");
  }
  return [
    kernel,
    driver,
    guarded,
    equal.join(" "),
    round(partedMs, median),
    round(partedMs, (list) => Math.max(...list)),
    equalLater.join(" "),
  ];
}

function forksTable(rows: Row[], rounds: number): Table {
  return {
    title:
      `getrandom(2) drawn by a program of 50 instructions from the new page on, in ${rounds} pairs of clones`,
    columns: [
      "kernel",
      "its driver",
      "guardian",
      "in both, of 8,192",
      "parted after ms, median",
      "at most",
      "in both 0.2 s later, of 1,000",
    ],
    rows,
  };
}

/** `loadvm`: the id stays, the driver does nothing, the event is raised. */
async function rollOnce(machine: Machine, guarded: boolean): Promise<Row> {
  const tag = guarded ? "guarded" : "alone";
  await runInGuest(machine, "systemctl stop spin; true");
  await runInGuest(
    machine,
    `systemctl ${guarded ? "start" : "stop"} ${UNIT}; ` +
      `systemd-run --unit=${tag} --working-directory=/lab ` +
      "--setenv=DENO_DIR=/tmp/deno deno run --quiet -A clones.js",
  );
  await machine.receive("ready");
  const { clones, position, reseeds } = await rollBack(
    machine,
    "getrandom",
    ROLLED_DRAWS,
    tag,
  );
  const [a = [], b = []] = clones;
  const { equal, draws, partedAfterMs } = compare(
    a,
    b,
    position,
    ROLLED_DRAWS,
  );
  assert.equal(reseeds[0], 0, "the kernel sees no rollback");
  if (guarded) {
    await healing(machine, "acpi-events");
    assert.ok(
      partedAfterMs !== null && equal < draws,
      "a guarded kernel parts from the earlier timeline",
    );
  }
  // Of a kernel alone nothing is sure: the guest's clock leaps over the time since the snapshot, and a timed reseed
  // of its own may fall due.
  await runInGuest(machine, `systemctl kill --signal=KILL ${tag}; true`);
  return [guarded, equal, draws, partedAfterMs && Math.round(partedAfterMs)];
}

function rollsTable(rows: Row[]): Table {
  return {
    title:
      "getrandom(2) after loadvm on Linux 6.12, beside the earlier timeline",
    columns: ["guardian", "equal", "of draws", "parted after ms"],
    rows,
  };
}

/** What systemd thinks of the unit. */
async function describeUnit(machine: Machine): Promise<Table> {
  const security = await runInGuest(
    machine,
    `systemd-analyze --no-pager security ${UNIT}`,
  );
  const exposure = /Overall exposure level for \S+: ([\d.]+) (\w+)/.exec(
    security,
  );
  assert.ok(exposure !== null, "systemd-analyze tells the exposure");
  const memory = await runInGuest(
    machine,
    `systemctl show --property=MemoryCurrent --value ${UNIT}`,
  );
  return {
    title: "The unit",
    columns: ["figure", "value"],
    rows: [
      ["exposure by systemd-analyze security", Number(exposure[1])],
      ["in words", exposure[2]!],
      ["memory, MiB", Math.round(Number(memory) / 2 ** 20)],
    ],
  };
}

/** The guardian's line about a fork. */
async function healing(machine: Machine, source: string): Promise<void> {
  await machine.waitForConsole(`healed the kernel, seen by ${source}`);
}

function valuesIn(bytes: Uint8Array): string[] {
  return Array.from(
    { length: bytes.length / 16 },
    (_, i) => bytes.subarray(16 * i, 16 * (i + 1)).toHex(),
  );
}

function hexOf({ hex }: Spin): string {
  return hex;
}

function round(
  values: readonly number[],
  of: (values: readonly number[]) => number,
): number | null {
  return values.length === 0 ? null : Math.round(of(values) * 10) / 10;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
