import assert from "node:assert/strict";
import { test } from "node:test";
import { BaseCrng } from "../../../crng/mod.ts";
import { findVmGenId } from "../../../ffi/mod.ts";
import {
  runInClones,
  SIMULATED_ADDRESS,
  SimulatedMachine,
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
