import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configure,
  type ConfigureOptions,
  Crng,
  defaultCrng,
  getRandom,
  getRandomValues,
  notifyFork,
  protection,
  ProtectionError,
  randomInt,
  randomUint32,
  randomUUID,
} from "../mod.ts";
import { SimulatedMachine } from "../ffi/testing/mod.ts";

function simulated(
  machine: SimulatedMachine = new SimulatedMachine(),
): ConfigureOptions {
  return { source: machine.source, entropy: machine.entropy };
}

test("The public functions draw on the configured machine", () => {
  configure(simulated());
  assert.equal(protection().level, "memory");
  assert.equal(protection().confirmedBy, "caller");
  assert.equal(getRandom(33).length, 33);
  const view = new Uint16Array(3);
  assert.equal(getRandomValues(view), view);
  assert.match(randomUUID(), /^[0-9a-f-]{36}$/);
  assert.ok(randomInt(5, 6) === 5);
  assert.ok(randomUint32() < 2 ** 32);
  notifyFork(Uint8Array.of(1));
  assert.equal(defaultCrng(), defaultCrng());
});

test("The public functions see a fork of the machine", () => {
  const draws = [1, 2].map((clone) => {
    const machine = new SimulatedMachine({ hardware: false });
    configure(simulated(machine));
    const before = randomUUID();
    machine.fork(clone);
    return { before, after: randomUUID() };
  });
  assert.equal(draws[0]!.before, draws[1]!.before);
  assert.notEqual(draws[0]!.after, draws[1]!.after);
});

test("configure() wipes the generator in use and the next draw reseeds", () => {
  const options = simulated(new SimulatedMachine());
  configure(options);
  const before = defaultCrng();
  before.getRandom(8);
  configure({ ...options, strategy: "injection" });
  assert.notEqual(defaultCrng(), before);
  assert.throws(() => before.getRandom(8), ProtectionError);
  assert.equal(getRandom(8).length, 8);
});

test("configure() refuses options that it does not know, and changes nothing", () => {
  configure(simulated());
  const before = defaultCrng();
  const wrong: unknown[] = [
    { requires: "memory" },
    { require: "memory", strategies: undefined },
    { toString: 1 },
    { strategy: "pool" },
    { strategy: "toString" },
    { require: "none" },
    { require: "best" },
    { shim: 3 },
    { source: null },
    { source: {} },
    { source: { descriptor: -1, address: 8n } },
    { source: { descriptor: 3, address: 8 } },
    { source: { descriptor: 3, address: 8n, notifiedBy: 5 } },
    { source: { vmclock: -1 } },
    { source: { vmclock: undefined } },
    { source: { vmclock: 3, descriptor: 3 } },
    { source: { vmclock: "3", descriptor: 3, address: 8n } },
    { generationFile: "/run/generation" },
    { generationFile: { path: "generation", format: "u32" } },
    { generationFile: { path: "/run/generation", format: "u16" } },
    { eventsAtDraws: 1 },
    { entropy: {} },
    { entropy: { fill() {} } },
  ];
  for (const options of wrong) {
    assert.throws(() => configure(options as ConfigureOptions), TypeError);
    assert.equal(defaultCrng(), before);
  }
  for (const options of [{ strategy: "pool" }, { requires: "memory" }]) {
    assert.throws(() => new Crng(options as never), TypeError);
  }
  // These are for the realm, not for one generator.
  const { source } = new SimulatedMachine();
  assert.throws(() => new Crng({ source } as object), TypeError);
});

test("configure() refuses a generation file or events beside a source of the program's own", () => {
  const generationFile = { path: "/run/generation", format: "u32" } as const;
  for (const named of [{ generationFile }, { eventsAtDraws: true }]) {
    assert.throws(
      () => configure({ ...simulated(), ...named }),
      (error) =>
        error instanceof ProtectionError && error.remedy === "permit" &&
        /no other is used/.test(error.message),
    );
  }
  configure({ ...simulated(), eventsAtDraws: false });
  assert.equal(getRandom(4).length, 4);
});

test("configure() makes less than the required level an error, then and at each draw", () => {
  // Without a source that has an id, entropy of the program's own is worth nothing.
  const { entropy } = new SimulatedMachine();
  const required = (error: unknown): boolean =>
    error instanceof ProtectionError && error.remedy === "permit" &&
    /"memory" is required/.test(error.message);
  assert.throws(() => configure({ entropy, require: "memory" }), required);
  assert.throws(() => getRandom(4), required);
  assert.throws(() => new Crng({ require: undefined } as object), required);
  assert.equal(protection().level, "none");
  configure(simulated());
  assert.equal(getRandom(4).length, 4);
});

test("The public functions refuse wrong arguments before they open anything", () => {
  let opened = 0;
  const { source, entropy } = new SimulatedMachine();
  const counted = {
    name: source.name,
    timely: true,
    generation: () => source.generation(),
    uniqueId: (into: Uint8Array) => {
      opened++;
      return source.uniqueId(into);
    },
    changed: () => Promise.reject(new Error("not here")),
  };
  const refuse = (): void => {
    for (const length of [-1, 0.5, 2 ** 31]) {
      assert.throws(() => getRandom(length), RangeError);
    }
    assert.throws(() => randomInt(5, 1), RangeError);
    assert.throws(() => randomInt(0.5, 1), TypeError);
    assert.throws(() => getRandomValues(new Float64Array(1) as never), {
      name: "TypeError",
    });
    assert.throws(() => notifyFork("text" as never), TypeError);
  };
  configure({ source: counted, entropy });
  defaultCrng().close();
  opened = 0;
  refuse();
  assert.equal(opened, 0);
  assert.equal(getRandom(4).length, 4);
  assert.ok(opened > 0);
  // Where nothing can be drawn, it is the argument all the same.
  assert.throws(() => configure({ entropy, require: "memory" }));
  refuse();
  configure(simulated());
});

test("configure() refuses injection where there is no id, and changes nothing", () => {
  configure(simulated());
  const before = defaultCrng();
  const source = {
    name: "counter",
    timely: true,
    generation: () => 1,
    uniqueId: () => 0,
    changed: () => Promise.resolve(1),
  };
  assert.throws(() => configure({ source, strategy: "injection" }), TypeError);
  assert.equal(defaultCrng(), before);
  assert.equal(getRandom(4).length, 4);
  assert.equal(protection().source, "vmgenid");
});

test("defaultCrng() can be closed, and the next draw opens another", () => {
  configure(simulated());
  {
    using crng = defaultCrng();
    crng.getRandom(4);
  }
  assert.equal(getRandom(4).length, 4);
  const crng = defaultCrng();
  crng.close();
  crng.close();
  assert.throws(() => crng.getRandom(4), ProtectionError);
  assert.notEqual(defaultCrng(), crng);
});

test("Crng is a generator of its own on the same machine", () => {
  configure(simulated());
  using crng = new Crng({ strategy: "injection", require: "memory" });
  assert.equal(crng.protection.level, "memory");
  assert.notEqual(crng.randomUUID(), randomUUID());
  defaultCrng().close();
  assert.equal(crng.getRandom(3).length, 3);
});
