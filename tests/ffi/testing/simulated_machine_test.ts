import assert from "node:assert/strict";
import { test } from "node:test";
import { BaseCrng } from "../../../crng/mod.ts";
import { findVmGenId } from "../../../ffi/mod.ts";
import { cString } from "../../../ffi/shim/shim.ts";
import {
  runInClones,
  SIMULATED_ADDRESS,
  SIMULATED_FILE,
  SimulatedMachine,
  type SourceName,
} from "../../../ffi/testing/mod.ts";

const draw = (machine: SimulatedMachine): string =>
  new BaseCrng(machine.ports()).getRandom(32).join();

test("SimulatedMachine is the same machine for the same seed, and another for another", () => {
  assert.equal(
    draw(new SimulatedMachine({ seed: 1 })),
    draw(new SimulatedMachine({ seed: 1 })),
  );
  assert.notEqual(
    draw(new SimulatedMachine({ seed: 1 })),
    draw(new SimulatedMachine({ seed: 2 })),
  );
});

test("SimulatedMachine has tables that the ACPI reader understands", () => {
  const table = new SimulatedMachine().dsdt();
  assert.equal(table.reduce((sum, byte) => sum + byte, 0) & 0xff, 0);
  const device = findVmGenId([table], () => {
    throw new Error("nothing to read");
  });
  assert.equal(device!.address, SIMULATED_ADDRESS);
});

test("runInClones() runs clones that are alike before the fork and not after it", () => {
  const runs = runInClones(3, {}, (machine) => {
    const crng = new BaseCrng(machine.ports());
    const before = crng.randomUUID();
    machine.fork();
    return { before, after: crng.randomUUID(), forks: machine.forks };
  });
  assert.equal(new Set(runs.map(({ before }) => before)).size, 1);
  assert.equal(new Set(runs.map(({ after }) => after)).size, 3);
  assert.deepEqual(runs.map(({ forks }) => forks), [1, 1, 1]);
});

test("SimulatedMachine's kernel goes on alike in clones unless it reseeds", () => {
  const kernel = (kernelReseeds: boolean): string[] =>
    runInClones(2, { kernelReseeds }, (machine) => {
      machine.fork();
      const bytes = new Uint8Array(32);
      machine.getrandom(bytes);
      return bytes.join();
    });
  assert.equal(new Set(kernel(false)).size, 1);
  assert.equal(new Set(kernel(true)).size, 2);
});

const ALL = ["vmgenid", "vmclock", "generation-file", "acpi-events"] as const;

test("SimulatedMachine has the sources that it is asked for, and shows them to programs", () => {
  const names = (sources?: readonly SourceName[]): string[] =>
    new SimulatedMachine({ ...sources && { sources } }).open().protection
      .sources.map(({ name }) => name);
  assert.deepEqual(names(), ["vmgenid"]);
  assert.deepEqual(names([]), []);
  assert.deepEqual(names(ALL), ALL);
  for (const source of ALL) {
    // An event is that of a device.
    assert.deepEqual(names([source]), source === "acpi-events" ? [] : [source]);
  }
});

test("SimulatedMachine.fork() moves every source by one count, but for the late event", () => {
  for (const sources of [["vmgenid"], ["vmclock"], ["generation-file"], ALL]) {
    const machine = new SimulatedMachine({
      sources: sources as SourceName[],
    });
    const { source } = machine;
    const count = source.generation();
    machine.fork();
    assert.equal(source.generation(), count + 1);
  }
});

test("SimulatedMachine.rollBack() keeps the id and the file, and moves disruption marker and event", () => {
  const machine = new SimulatedMachine({ sources: ALL });
  const shown =
    (): unknown[] => [machine.uniqueId().join(), machine.fileCounter];
  const before = shown();
  machine.rollBack();
  assert.deepEqual(shown(), before);
  assert.equal(machine.disruptionMarker, 1);
  assert.equal(machine.events, 1);
  assert.equal(machine.rollbacks, 1);
  assert.equal(machine.forks, 0);
  const unseen = new SimulatedMachine({
    sources: ["vmgenid", "generation-file"],
  });
  const count = unseen.source.look!();
  unseen.rollBack();
  assert.equal(unseen.source.look!(), count);
});

test("SimulatedMachine.rollBack() leaves the kernel as it was, and only the CPU parts the timelines", () => {
  const draws = (hardware: boolean): [kernel: string, cpu: string][] =>
    runInClones(2, { hardware, kernelReseeds: true }, (machine) => {
      const [kernel, cpu] = [new Uint8Array(32), new Uint8Array(32)];
      machine.rollBack();
      machine.getrandom(kernel);
      machine.hardwareRandom(cpu);
      return [kernel.join(), cpu.join()];
    });
  const [[kernelA, cpuA], [kernelB, cpuB]] = draws(true) as [
    [string, string],
    [string, string],
  ];
  assert.equal(kernelA, kernelB);
  assert.notEqual(cpuA, cpuB);
  assert.deepEqual(...(draws(false) as [unknown, unknown]));
});

test("runInClones() parts timelines of a rollback at any call where a vmclock shows it", () => {
  for (let rollBackAtCall = 1; rollBackAtCall <= 6; rollBackAtCall++) {
    const keys = runInClones(
      3,
      { rollBackAtCall, sources: ["vmclock"] },
      (machine) => {
        const crng = new BaseCrng(machine.ports());
        crng.getRandom(8);
        return crng.getRandom(8).join();
      },
    );
    assert.equal(new Set(keys).size, 3);
  }
});

test("SimulatedMachine's shim attaches each source once, and none after discovery", () => {
  const { symbols } = new SimulatedMachine({ sources: ALL }).shim();
  const file = cString(SIMULATED_FILE);
  assert.equal(symbols.vmfork_open_clock(0), 1);
  assert.equal(symbols.vmfork_open_clock(0), -17);
  assert.equal(symbols.vmfork_watch_file(cString("/other"), 4), -2);
  assert.equal(symbols.vmfork_watch_file(file, 4), 0);
  assert.equal(symbols.vmfork_watch_events(cString("gpe06")), -2);
  assert.equal(symbols.vmfork_watch_events(cString("gpe05")), 0);
  assert.equal(symbols.vmfork_seal(), 0);
  for (
    const attach of [
      () => symbols.vmfork_adopt_clock(3),
      () => symbols.vmfork_watch_events(cString("gpe05")),
    ]
  ) assert.equal(attach(), -1);
  assert.equal(symbols.vmfork_watch_file(file, 4), 0);
  assert.equal(symbols.vmfork_watch_file(cString("/other"), 4), -17);
});
