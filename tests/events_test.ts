import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import {
  configure,
  defaultCrng,
  forkGuard,
  getRandom,
  notifyFork,
  onQuiesce,
  onResume,
  onVmFork,
  ProtectionError,
  quiesce,
  randomUUID,
  resume,
  type VmForkEvent,
  watchForks,
  withForkGuard,
} from "../mod.ts";
import { SimulatedMachine } from "../ffi/testing/mod.ts";

/** Longer than a heartbeat, also on a busy machine. */
const PATIENCE_MS = 5_000;

function simulated(): SimulatedMachine {
  const machine = new SimulatedMachine();
  configure({ source: machine.source, entropy: machine.entropy });
  return machine;
}

const rest = (ms = 0): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!condition()) {
    assert.ok(performance.now() < end, "in vain");
    await rest(5);
  }
}

afterEach(() => defaultCrng().close());

test("onVmFork() tells of a fork that nobody draws after, after the reseed", async () => {
  const machine = simulated();
  const before = randomUUID();
  const events: VmForkEvent[] = [];
  const remove = onVmFork((event) => {
    events.push(event);
    assert.notEqual(randomUUID(), before);
  });
  machine.fork();
  await until(() => events.length > 0);
  remove();
  remove();
  machine.fork();
  await rest(250);
  assert.equal(events.length, 1);
  assert.equal(events[0]!.source, "vmgenid");
});

test("onVmFork() tells of what a draw or notifyFork() finds, once, in order of registration", async () => {
  const machine = simulated();
  const log: string[] = [];
  const removes = ["first", "second"].map((name) =>
    onVmFork(({ source }) => void log.push(`${name} ${source}`))
  );
  getRandom(4);
  machine.fork();
  getRandom(4);
  assert.deepEqual(log, []);
  await rest();
  assert.deepEqual(log, ["first vmgenid", "second vmgenid"]);
  notifyFork();
  await rest(250);
  assert.deepEqual(log.slice(2), ["first notifyFork", "second notifyFork"]);
  removes.forEach((remove) => remove());
});

test("onVmFork() goes on after configure() and after the default generator was closed", async () => {
  simulated();
  let told = 0;
  const controller = new AbortController();
  onVmFork(() => void told++, { signal: controller.signal });
  const machine = simulated();
  await rest();
  assert.equal(told, 0); // another machine is no fork
  machine.fork();
  await until(() => told === 1);
  defaultCrng().close();
  machine.fork();
  await until(() => told === 2);
  machine.fork();
  getRandom(4);
  await until(() => told === 3);
  await rest(250);
  assert.equal(told, 3);
  controller.abort();
});

test("onVmFork() tells of a notifyFork() just before the default generator is closed or configured anew", async () => {
  for (const end of [() => defaultCrng().close(), () => void simulated()]) {
    const machine = simulated();
    machine.fork(); // its count is ahead of the next machine's
    getRandom(4);
    const log: string[] = [];
    const removes = [
      onVmFork(({ source }) => void log.push(source)),
      onVmFork(() => void log.push("removed")),
    ];
    notifyFork();
    end();
    removes[1]!();
    await rest(250);
    assert.deepEqual(log, ["notifyFork"]);
    removes[0]!();
  }
});

test("onVmFork() tells once of what a draw finds just before configure() takes another machine", async () => {
  const machine = simulated();
  const log: string[] = [];
  const remove = onVmFork(({ source }) => void log.push(source));
  machine.fork();
  getRandom(4);
  simulated();
  await rest(250);
  assert.deepEqual(log, ["vmgenid"]);
  remove();
});

test("onVmFork() refuses what is no listener or no option", () => {
  simulated();
  assert.throws(() => onVmFork(1 as never), TypeError);
  assert.throws(() => onVmFork(() => {}, { wait: 1 as never }), TypeError);
  assert.throws(() => watchForks({ signal: {} as never }), TypeError);
});

test("watchForks() gives the forks since its call, and ends with the loop", async () => {
  const machine = simulated();
  for (const wait of [false, true]) {
    const watch = watchForks({ wait });
    machine.fork();
    getRandom(4);
    await rest();
    machine.fork();
    if (!wait) getRandom(4); // nothing else keeps this process alive till the next look
    let seen = 0;
    for await (const { after, before } of watch) {
      assert.equal(after - before, 1);
      if (++seen === 2) break;
    }
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
  }
});

test("watchForks() ends without an error when it is aborted, returned or disposed of while it waits", async () => {
  simulated();
  const done = { done: true, value: undefined };
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = watchForks({ signal, wait: true });
  const waiting = [aborted.next(), aborted.next()];
  controller.abort();
  assert.deepEqual(await Promise.all(waiting), [done, done]);
  assert.deepEqual(await watchForks({ signal }).next(), done);
  const returned = watchForks();
  const pending = returned.next();
  await returned.return();
  assert.deepEqual(await pending, done);
  const disposed = watchForks();
  const last = disposed.next();
  await disposed[Symbol.asyncDispose]();
  assert.deepEqual(await last, done);
});

test("forkGuard() guards what the default generator has drawn", () => {
  const machine = simulated();
  const guard = forkGuard();
  assert.equal(guard.forked, false);
  machine.fork();
  assert.equal(guard.forked, true);
  const other = forkGuard();
  notifyFork();
  assert.equal(other.forked, true);
  const last = forkGuard();
  simulated();
  assert.throws(() => last.throwIfForked(), ProtectionError);
});

test("withForkGuard() gives what its function has made without a fork inside", async () => {
  const machine = simulated();
  let runs = 0;
  const make = (): string => {
    const id = randomUUID();
    if (++runs === 1) machine.fork();
    return id;
  };
  assert.equal(withForkGuard(make).length, 36);
  assert.equal(runs, 2);
  runs = 0;
  const later = withForkGuard(async () => {
    await rest();
    return make();
  });
  assert.equal((await later).length, 36);
  assert.equal(runs, 2);
  assert.throws(() => withForkGuard(1 as never), TypeError);
});

test("quiesce() makes draws throw until all callers have let go, each once", async () => {
  simulated();
  const before = randomUUID();
  const quiesced = (error: unknown): boolean =>
    error instanceof ProtectionError && error.code === "quiesced" &&
    error.remedy === "retry";
  {
    await using first = await quiesce();
    assert.deepEqual(
      [first.complete, first.notWiped, first.hooksFailed],
      [true, 0, []],
    );
    assert.throws(() => randomUUID(), quiesced);
    await quiesce();
    const third = await quiesce({ timeoutMs: 0 });
    await third[Symbol.asyncDispose]();
    await third[Symbol.asyncDispose]();
    assert.throws(() => getRandom(4), quiesced);
    await resume();
    assert.throws(() => getRandom(4), quiesced);
  }
  assert.notEqual(randomUUID(), before);
  await resume(); // without a hold nothing happens
  await assert.rejects(quiesce({ timeoutMs: -1 }), RangeError);
  await assert.rejects(quiesce({ timeoutMs: NaN }), RangeError);
  assert.equal(getRandom(4).length, 4);
});

test("onQuiesce() and onResume() let a program wipe and renew its own secrets", async () => {
  simulated();
  const key = getRandom(32);
  const removes = [
    onQuiesce(async () => {
      await rest();
      key.fill(0);
    }),
    onQuiesce(() => {
      throw new Error("failed");
    }),
    onResume(() => key.set(getRandom(32))),
  ];
  const quiesced = await quiesce();
  assert.ok(key.every((byte) => byte === 0));
  assert.equal(quiesced.complete, false);
  assert.match(String(quiesced.hooksFailed), /failed/);
  await resume();
  // 32 bytes are all zero with a probability of 2^-256.
  assert.ok(key.some((byte) => byte !== 0));
  removes.forEach((remove) => remove());
  await using again = await quiesce();
  assert.equal(again.complete, true);
  assert.throws(() => onQuiesce(1 as never), TypeError);
});

test("A fork between quiesce and resume is told of, and a quiesce alone is not", async () => {
  const machine = simulated();
  const events: VmForkEvent[] = [];
  const remove = onVmFork((event) => void events.push(event));
  getRandom(4);
  await quiesce();
  await resume();
  await rest(250);
  assert.equal(events.length, 0);
  await quiesce();
  machine.fork();
  await resume();
  await until(() => events.length > 0);
  await rest(250);
  assert.equal(events.length, 1);
  remove();
});
