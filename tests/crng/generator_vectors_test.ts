import assert from "node:assert/strict";
import { test } from "node:test";
import { blake2s } from "@noble/hashes/blake2.js";
import { BaseCrng, injection, inputPool } from "../../crng/mod.ts";
import { fromHex, toHex } from "../hex.ts";
import vectors from "../vectors/generator.json" with { type: "json" };
import { ScriptedPorts } from "./scripted_ports.ts";

/** A step as `tests/vectors/generate.py` describes it at the top of the file it writes. */
interface Step {
  op: string;
  ms?: number;
  label?: number;
  extra?: string;
  n?: number;
  sizes?: number[];
  min?: number;
  max?: number;
  out?: string | number | number[];
  digest?: string;
  first?: string;
  last?: string;
  calls?: { fill: number; nonce: number; clock: number };
}

/** Steps that change the machine or the generator and return nothing. */
const ACTIONS: Record<
  string,
  (machine: ScriptedPorts, crng: BaseCrng, step: Step) => void
> = {
  clock: (machine, _, step) => machine.ms = step.ms!,
  fork: (machine, _, step) => {
    machine.count++;
    machine.label = step.label!;
  },
  sameIdFork: (machine) => machine.count++,
  reseed: (_, crng, step) =>
    crng.reseed(step.extra === undefined ? undefined : fromHex(step.extra)),
  notifyFork: (_, crng, step) =>
    crng.notifyFork(step.extra === undefined ? undefined : fromHex(step.extra)),
};

/** Steps that draw. */
const DRAWS: Record<string, (crng: BaseCrng, step: Step) => unknown> = {
  draw: (crng, step) => crng.getRandom(step.n!),
  draws: (crng, step) =>
    Uint8Array.from(step.sizes!.flatMap((n) => [...crng.getRandom(n)])),
  uint32: (crng) => crng.randomUint32(),
  uuid: (crng) => crng.randomUUID(),
  int: (crng, step) => crng.randomInt(step.min!, step.max!),
  ints: (crng, step) =>
    (step.out as number[]).map(() => crng.randomInt(step.min!, step.max!)),
};

function assertResult(result: unknown, step: Step, where: string): void {
  if (!(result instanceof Uint8Array)) {
    assert.deepEqual(result, step.out, where);
  } else if (step.digest === undefined) {
    assert.equal(toHex(result), step.out, where);
  } else {
    assert.equal(toHex(result.subarray(0, 32)), step.first, where);
    assert.equal(toHex(result.subarray(-32)), step.last, where);
    assert.equal(toHex(blake2s(result)), step.digest, where);
  }
}

for (const scenario of vectors.scenarios) {
  test(`BaseCrng draws as computed independently: ${scenario.name}`, () => {
    const machine = new ScriptedPorts({
      hasId: scenario.id,
      nonce: scenario.nonce,
    });
    const crng = new BaseCrng({
      ...machine.ports(),
      strategy: scenario.strategy === "injection" ? injection : inputPool,
      unbuffered: scenario.unbuffered,
    });
    (scenario.steps as Step[]).forEach((step, i) => {
      const where = `step ${i}, ${step.op}`;
      const draw = DRAWS[step.op];
      if (draw !== undefined) assertResult(draw(crng, step), step, where);
      else ACTIONS[step.op]!(machine, crng, step);
      if (step.calls) assert.deepEqual(machine.calls, step.calls, where);
    });
  });
}

test("The vectors have as many scenarios as generate.py wrote", () => {
  assert.equal(vectors.scenarios.length, 83);
});
