import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BaseCrng,
  type CrngPorts,
  injection,
  inputPool,
  ProtectionError,
  Secrets,
  type VmForkEvent,
} from "../../crng/mod.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";
import { toHex } from "../hex.ts";

/** Ports whose reseeds are counted. */
function counted(machine: SimulatedMachine): {
  ports: CrngPorts;
  reseeds: () => number;
} {
  const { entropy, ...rest } = machine.ports();
  let reseeds = 0;
  const fill = (seed: Uint8Array): void => {
    reseeds++;
    entropy.fill(seed);
  };
  return {
    ports: { ...rest, entropy: { ...entropy, fill } },
    reseeds: () => reseeds,
  };
}

test("BaseCrng.check() finds a fork without a draw, reseeds, and tells in a microtask", async () => {
  const machine = new SimulatedMachine();
  const { ports, reseeds } = counted(machine);
  const crng = new BaseCrng(ports);
  const events: VmForkEvent[] = [];
  crng.onVmFork((event) => void events.push(event));
  crng.getRandom(4);
  assert.equal(crng.check(), false);
  machine.fork();
  assert.equal(crng.check(), true);
  assert.equal(reseeds(), 2);
  assert.equal(events.length, 0);
  await Promise.resolve();
  assert.equal(events.length, 1);
  assert.equal(crng.check(), false);
  crng.getRandom(4);
  await Promise.resolve();
  assert.equal(events.length, 1);
  assert.equal(reseeds(), 2);
});

test("BaseCrng.check() does nothing to a generator that has neither drawn nor a listener", () => {
  const machine = new SimulatedMachine();
  const { ports, reseeds } = counted(machine);
  const crng = new BaseCrng(ports);
  machine.fork();
  assert.equal(crng.check(), false);
  assert.equal(reseeds(), 0);
});

test("BaseCrng tells a listener of a fork before the first draw, found by a check or by that draw", async () => {
  for (const find of ["check", "randomUUID"] as const) {
    const machine = new SimulatedMachine();
    const crng = new BaseCrng(machine.ports());
    const events: VmForkEvent[] = [];
    crng.onVmFork((event) => void events.push(event));
    machine.fork();
    crng[find]();
    await Promise.resolve();
    assert.equal(events.length, 1);
    assert.equal(events[0]!.after - events[0]!.before, 1);
  }
});

test("BaseCrng reseeds on schedule after a listener was added before the first draw", () => {
  const machine = new SimulatedMachine();
  const { ports, reseeds } = counted(machine);
  const crng = new BaseCrng(ports);
  machine.tick(1_000_000);
  crng.onVmFork(() => {});
  crng.getRandom(992);
  machine.tick(1_001);
  crng.getRandom(992);
  assert.equal(reseeds(), 2);
});

test("BaseCrng.check() takes the slower look, and tells where the change was seen", async () => {
  const machine = new SimulatedMachine();
  const ports = machine.ports();
  let count = 1;
  let looked = 1;
  const crng = new BaseCrng({
    ...ports,
    source: {
      name: "vmgenid",
      timely: true,
      generation: () => count,
      look: () => count = looked, // as the shim: what a look finds, all calls see
      changedBy: () => "acpi-events",
      uniqueId: () => 0,
      changed: () => Promise.reject(new Error("not here")),
    },
  });
  const sources: string[] = [];
  crng.onVmFork(({ source }) => void sources.push(source));
  crng.getRandom(4);
  looked = 2;
  crng.getRandom(4);
  assert.equal(crng.check(), true);
  await Promise.resolve();
  assert.deepEqual(sources, ["acpi-events"]);
});

test("BaseCrng.check() throws where the source cannot answer, and finds the fork later", () => {
  const machine = new SimulatedMachine();
  const ports = machine.ports();
  let answers = true;
  const crng = new BaseCrng({
    ...ports,
    source: {
      name: "failing",
      timely: true,
      generation: () => answers ? ports.source.generation() : 0,
      uniqueId: () => 0,
      changed: () => Promise.reject(new Error("not here")),
    },
  });
  crng.getRandom(4);
  answers = false;
  machine.fork();
  assert.throws(() => crng.check(), ProtectionError);
  answers = true;
  assert.equal(crng.check(), true);
});

test("BaseCrng reseeds but does not tell when only a quiesce has ended", async () => {
  let count = 1;
  const { entropy, clock } = new SimulatedMachine().ports();
  let reseeds = 0;
  const crng = new BaseCrng({
    clock,
    entropy: {
      nonce: entropy.nonce,
      fill: (seed) => {
        reseeds++;
        entropy.fill(seed);
      },
    },
    source: {
      name: "vmgenid",
      timely: true,
      generation: () => count,
      changedBy: () => "resume",
      quiesced: () => count === 0,
      uniqueId: () => 0,
      changed: () => Promise.reject(new Error("not here")),
    },
  });
  let told = 0;
  crng.onVmFork(() => void told++);
  crng.getRandom(4);
  count = 2;
  assert.equal(crng.check(), false);
  assert.equal(reseeds, 2);
  await Promise.resolve();
  assert.equal(told, 0);
  crng.notifyFork(); // in the same reseed as a resume
  count = 3;
  crng.notifyFork();
  await Promise.resolve();
  assert.equal(told, 2);
});

test("BaseCrng throws with the code quiesced, wipes the view, and goes on afterwards", () => {
  let count = 1;
  const ports = new SimulatedMachine().ports();
  const crng = new BaseCrng({
    ...ports,
    source: {
      name: "vmgenid",
      timely: true,
      generation: () => count,
      quiesced: () => count === 0,
      uniqueId: () => 0,
      changed: () => Promise.reject(new Error("not here")),
    },
  });
  const before = toHex(crng.getRandom(32));
  count = 0;
  const quiesced = (error: unknown): boolean =>
    error instanceof ProtectionError && error.code === "quiesced" &&
    error.remedy === "retry";
  for (const size of [0, 4, 500, 5000]) {
    const view = new Uint8Array(size).fill(7);
    assert.throws(() => crng.getRandomValues(view), quiesced);
    assert.ok(view.every((byte) => byte === 0));
  }
  for (
    const draw of [
      () => crng.randomUint32(),
      () => crng.randomUUID(),
      () => crng.randomInt(0, 9),
      () => crng.reseed(),
      () => crng.check(),
    ]
  ) assert.throws(draw, quiesced);
  count = 2;
  assert.notEqual(toHex(crng.getRandom(32)), before);
});

test("BaseCrng throws with the code quiesced also if another thread ends the quiesce meanwhile", () => {
  for (const end of [2, 0]) {
    let count = 1;
    const ports = new SimulatedMachine().ports();
    const crng = new BaseCrng({
      ...ports,
      source: {
        name: "vmgenid",
        timely: true,
        generation: () => count,
        quiesced: () => {
          count = end; // first the count, then the flag; 0: the source has failed
          return false;
        },
        uniqueId: () => 0,
        changed: () => Promise.reject(new Error("not here")),
      },
    });
    crng.getRandom(4);
    count = 0;
    const code = end === 0 ? "generation-unreadable" : "quiesced";
    assert.throws(() => crng.getRandom(4), { code });
  }
});

/** The generator's key, as words. */
function keyOf(secrets: Secrets): number[] {
  const key = new Uint8Array(secrets.stream.key); // a copy, aligned
  return [...new Int32Array(key.buffer)];
}

test("Secrets.wipe() leaves no 4 bytes of key, buffer or pool anywhere in their memory", () => {
  // Once per kind of reseed and of draw, at every offset. The chance that one of some hundred different secret words
  // stands among the 1,500 words by itself is below 2^-14, and the machine's seed is fixed.
  for (const strategy of [undefined, injection]) {
    const machine = new SimulatedMachine({ seed: 5 });
    const secrets = new Secrets();
    const crng = new BaseCrng({
      ...machine.ports(),
      ...(strategy && { strategy }),
      secrets,
    });
    const former = new Set<number>();
    for (let round = 0; round < 4; round++) {
      crng.getRandom(100);
      for (const word of keyOf(secrets)) former.add(word);
      crng.getRandom(5000);
      crng.randomUUID();
      machine.fork();
      crng.randomUint32();
      for (const word of keyOf(secrets)) former.add(word);
    }
    for (const word of new Int32Array(secrets.memory)) former.add(word);
    former.delete(0);
    assert.ok(former.size > 200);
    secrets.wipe();
    const constants = new Int32Array(new Secrets().memory);
    for (const word of constants) former.delete(word);
    const bytes = new DataView(secrets.memory);
    for (let at = 0; at + 4 <= bytes.byteLength; at++) {
      assert.ok(!former.has(bytes.getInt32(at, true)), `at ${at}`);
    }
    assert.ok(
      new Int32Array(secrets.memory).every((w, i) => w === constants[i]),
    );
  }
});

test("BaseCrng never draws from a wiped key: it takes fresh input, with injection too", () => {
  for (const strategy of [undefined, injection]) {
    for (const draw of [16, 992, 5000]) {
      for (const forked of [false, true]) {
        const machine = new SimulatedMachine({ hardware: false });
        const { ports, reseeds } = counted(machine);
        const secrets = new Secrets();
        const crng = new BaseCrng({
          ...ports,
          ...(strategy && { strategy }),
          secrets,
        });
        crng.getRandom(16);
        secrets.wipe();
        if (forked) machine.fork();
        crng.getRandom(draw);
        assert.equal(reseeds(), 2);
        assert.ok(keyOf(secrets).some((word) => word !== 0));
      }
    }
  }
});

test("BaseCrng throws rather than draw from a key that a port has wiped", () => {
  const machine = new SimulatedMachine();
  const ports = machine.ports();
  const secrets = new Secrets();
  let wiping = false;
  const crng = new BaseCrng({
    ...ports,
    secrets,
    entropy: {
      ...ports.entropy,
      nonce(into) {
        ports.entropy.nonce(into);
        if (wiping) secrets.wipe();
      },
    },
  });
  crng.getRandom(4);
  wiping = true;
  assert.throws(() => crng.getRandom(2000), ProtectionError);
  wiping = false;
  assert.equal(crng.getRandom(2000).length, 2000);
});

test("BaseCrng makes no key from what a port has wiped during a reseed, with either strategy", () => {
  for (const strategy of [inputPool, injection]) {
    for (const port of ["fill", "now"] as const) {
      const machine = new SimulatedMachine();
      const { entropy, clock, ...rest } = machine.ports();
      const secrets = new Secrets();
      let wipes = true;
      const wipe = (of: string): void => {
        if (wipes && of === port) secrets.wipe();
      };
      const crng = new BaseCrng({
        ...rest,
        strategy,
        secrets,
        entropy: {
          nonce: (into) => entropy.nonce(into),
          fill: (seed) => {
            entropy.fill(seed);
            wipe("fill");
          },
        },
        clock: {
          now: () => {
            wipe("now");
            return clock.now();
          },
        },
      });
      const view = new Uint8Array(16).fill(1);
      assert.throws(
        () => crng.getRandomValues(view),
        { code: "entropy-failed", remedy: "retry" },
      );
      assert.ok(view.every((byte) => byte === 0));
      assert.equal(secrets.keyed, false);
      wipes = false;
      assert.equal(crng.getRandom(16).length, 16);
    }
  }
});

test("BaseCrng.close() wipes all of its secrets", () => {
  const secrets = new Secrets();
  const crng = new BaseCrng({ ...new SimulatedMachine().ports(), secrets });
  crng.getRandom(16);
  crng.randomUUID();
  crng.close();
  assert.equal(
    toHex(new Uint8Array(secrets.memory)),
    toHex(new Uint8Array(new Secrets().memory)),
  );
  assert.equal(secrets.keyed, false);
});

test("BaseCrng keeps no array of the program's alive once its secrets are wiped, nor after a draw that failed", () => {
  let count = 1;
  const secrets = new Secrets();
  const { source, ...rest } = new SimulatedMachine().ports();
  const crng = new BaseCrng({
    ...rest,
    secrets,
    source: {
      name: "vmgenid",
      timely: true,
      generation: () => count,
      uniqueId: (into) => source.uniqueId(into),
      changed: () => Promise.reject(new Error("not here")),
    },
  });
  const view = new Uint8Array(32);
  crng.getRandomValues(view);
  assert.equal(secrets.lastPrivate, view);
  secrets.wipe();
  assert.equal(secrets.lastPrivate, undefined);
  crng.getRandomValues(view);
  count = 0; // quiesced, for example
  for (const failing of [view, new Uint8Array(32)]) {
    assert.throws(() => crng.getRandomValues(failing), ProtectionError);
    assert.equal(secrets.lastPrivate, undefined);
  }
  count = 2;
  crng.getRandomValues(view);
  assert.equal(secrets.lastPrivate, view);
  crng.close();
  assert.equal(secrets.lastPrivate, undefined);
});
