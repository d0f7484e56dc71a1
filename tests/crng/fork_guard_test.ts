import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BaseCrng,
  type CrngPorts,
  type ForkGuard,
  ProtectionError,
  type ProtectionErrorCode,
  runGuarded,
} from "../../crng/mod.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";

const code = (expected: ProtectionErrorCode) => (error: unknown): boolean =>
  error instanceof ProtectionError && error.code === expected;

/** A generator on a source whose count the test sets. */
function counting(
  source: Partial<CrngPorts["source"]> = {},
): { crng: BaseCrng; set: (count: number) => void } {
  let count = 1;
  const { entropy, clock } = new SimulatedMachine().ports();
  const crng = new BaseCrng({
    entropy,
    clock,
    source: {
      name: "counting",
      timely: true,
      generation: () => count,
      uniqueId: () => 0,
      changed: () => Promise.reject(new Error("not here")),
      ...source,
    },
  });
  return { crng, set: (to) => count = to };
}

test("ForkGuard says no until the machine is forked, and yes from then on", () => {
  const machine = new SimulatedMachine();
  const crng = new BaseCrng(machine.ports());
  const guard = crng.forkGuard();
  assert.equal(guard.timely, true);
  assert.equal(guard.forked, false);
  guard.throwIfForked();
  crng.getRandom(2000);
  crng.reseed();
  assert.equal(guard.forked, false);
  machine.fork();
  assert.equal(guard.forked, true);
  assert.throws(() => guard.throwIfForked(), code("forked"));
  crng.getRandom(4);
  assert.equal(guard.forked, true);
  assert.equal(crng.forkGuard().forked, false);
});

test("ForkGuard says yes after notifyFork(), even if the reseed failed", () => {
  const machine = new SimulatedMachine();
  const ports = machine.ports();
  let works = true;
  const crng = new BaseCrng({
    ...ports,
    entropy: {
      ...ports.entropy,
      fill(seed) {
        if (!works) throw new Error("no entropy");
        ports.entropy.fill(seed);
      },
    },
  });
  const [first, second] = [crng.forkGuard(), crng.forkGuard()];
  assert.throws(() => crng.notifyFork("text" as never), TypeError);
  assert.equal(first.forked, false); // a wrong argument changes nothing
  crng.notifyFork();
  assert.ok(first.forked && second.forked);
  const third = crng.forkGuard();
  works = false;
  assert.throws(() => crng.notifyFork(), /no entropy/);
  assert.throws(() => third.throwIfForked(), code("forked"));
});

test("ForkGuard says yes while its source cannot answer, is quiesced, or throws", () => {
  const { crng, set } = counting();
  const guard = crng.forkGuard();
  set(0);
  assert.equal(guard.forked, true);
  assert.throws(() => guard.throwIfForked(), code("generation-unreadable"));
  assert.throws(() => crng.forkGuard(), code("generation-unreadable"));
  set(1);
  assert.equal(guard.forked, false);

  const quiesced = counting({ quiesced: () => true });
  const held = quiesced.crng.forkGuard();
  quiesced.set(0);
  assert.throws(() => held.throwIfForked(), code("quiesced"));
  assert.throws(() => quiesced.crng.forkGuard(), code("quiesced"));

  let broken = false;
  const throwing = counting({
    look: () => {
      if (broken) throw new Error("broken");
      return 1;
    },
  }).crng.forkGuard();
  assert.equal(throwing.forked, false);
  broken = true;
  assert.throws(() => throwing.throwIfForked(), code("generation-unreadable"));
});

test("ForkGuard calls a quiesce that ends while it asks a quiesce, and a late source's silence none", () => {
  let ends = (): void => {};
  const quiesced = (): boolean => {
    ends();
    return false;
  };
  const { crng, set } = counting({ quiesced });
  const guard = crng.forkGuard();
  ends = () => set(2); // another thread's: first the count, then the flag
  set(0);
  assert.throws(() => guard.throwIfForked(), code("quiesced"));
  set(0);
  assert.throws(() => crng.forkGuard(), code("quiesced"));

  let late = 1;
  const silent = counting({ quiesced: () => false, look: () => late });
  const held = silent.crng.forkGuard();
  late = 0;
  assert.throws(() => held.throwIfForked(), code("generation-unreadable"));
  assert.throws(() => silent.crng.forkGuard(), code("generation-unreadable"));
});

test("ForkGuard says yes once its generator is closed, and asks nothing of the source any more", () => {
  let looks = 0;
  const { crng } = counting({ look: () => ++looks && 1 });
  const guard = crng.forkGuard();
  crng.close();
  const before = looks;
  assert.throws(() => guard.throwIfForked(), code("closed"));
  assert.equal(looks, before);
  assert.throws(() => crng.forkGuard(), code("closed"));
  assert.throws(() => crng.check(), code("closed"));
});

test("ForkGuard takes the slower look, where a fork shows late", () => {
  let late = 1;
  const { crng } = counting({ timely: false, look: () => late });
  const guard = crng.forkGuard();
  assert.equal(guard.timely, false);
  late = 2;
  assert.equal(guard.forked, true);
});

test("BaseCrng.forkGuard() throws where nothing shows a fork", () => {
  const machine = new SimulatedMachine({ obstruction: "no-device" });
  const crng = new BaseCrng(machine.ports());
  assert.throws(() => crng.forkGuard(), code("level-unavailable"));
});

test("runGuarded() returns what the function gives, with one run where no fork falls inside", () => {
  const crng = new BaseCrng(new SimulatedMachine().ports());
  let runs = 0;
  const result = runGuarded(() => crng.forkGuard(), () => ++runs);
  assert.deepEqual({ result, runs }, { result: 1, runs: 1 });
});

test("runGuarded() runs the function again when a fork falls inside, synchronous or not", async () => {
  const machine = new SimulatedMachine();
  const crng = new BaseCrng(machine.ports());
  const open = (): ForkGuard => crng.forkGuard();
  let runs = 0;
  const forkTwice = (guard: ForkGuard): number => {
    if (++runs < 3) machine.fork();
    assert.equal(guard.forked, runs < 3);
    return runs;
  };
  assert.equal(runGuarded(open, forkTwice), 3);
  runs = 0;
  const later = async (guard: ForkGuard): Promise<number> => {
    await Promise.resolve();
    return forkTwice(guard);
  };
  assert.equal(await runGuarded(open, later), 3);
});

test("runGuarded() passes on what the function throws, unless a fork fell inside", async () => {
  const machine = new SimulatedMachine();
  const crng = new BaseCrng(machine.ports());
  const open = (): ForkGuard => crng.forkGuard();
  const own = new Error("own");
  const failing = (): never => {
    throw own;
  };
  assert.throws(() => runGuarded(open, failing), own);
  await assert.rejects(
    runGuarded(open, () => Promise.reject(own)),
    own,
  );
  let runs = 0;
  const guarded = (guard: ForkGuard): string => {
    if (++runs === 1) machine.fork();
    guard.throwIfForked();
    return "done";
  };
  assert.equal(runGuarded(open, guarded), "done");
  assert.equal(runs, 2);
  runs = 0;
  assert.equal(
    await runGuarded(
      open,
      (guard) => Promise.resolve().then(() => guarded(guard)),
    ),
    "done",
  );
});

test("runGuarded() gives up after eight runs, also if they are of both kinds", async () => {
  const machine = new SimulatedMachine();
  const crng = new BaseCrng(machine.ports());
  const open = (): ForkGuard => crng.forkGuard();
  let runs = 0;
  const forking = (): void => {
    runs++;
    machine.fork();
  };
  assert.throws(() => runGuarded(open, forking), code("generation-unstable"));
  assert.equal(runs, 8);
  runs = 0;
  const asynchronous = (): Promise<void> => Promise.resolve().then(forking);
  await assert.rejects(
    runGuarded(open, asynchronous),
    code("generation-unstable"),
  );
  assert.equal(runs, 8);
  runs = 0;
  const last = new Error("last");
  await assert.rejects(
    runGuarded(open, (): Promise<void> => {
      forking();
      if (runs % 2 === 0) throw last;
      return Promise.resolve();
    }),
    (error) =>
      error instanceof ProtectionError &&
      error.code === "generation-unstable" && error.cause === last,
  );
  assert.equal(runs, 8);
});

test("runGuarded() throws what making a guard throws", () => {
  const { crng, set } = counting();
  assert.throws(
    () => runGuarded(() => crng.forkGuard(), () => set(0)),
    code("generation-unreadable"),
  );
});
