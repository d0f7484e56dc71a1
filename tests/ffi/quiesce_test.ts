import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BaseCrng,
  injection,
  ProtectionError,
  type ProtectionErrorCode,
  type VmForkEvent,
} from "../../crng/mod.ts";
import { openMachine, ShimError } from "../../ffi/mod.ts";
import { Realm } from "../../ffi/realm.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";
import { toHex } from "../hex.ts";
import { handRealm, Process } from "./realms.ts";

const code = (expected: ProtectionErrorCode) => (error: unknown): boolean =>
  error instanceof ProtectionError && error.code === expected;
const rest = (ms = 0): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
/** Far more than a test on a simulated process takes. */
const LONG = 10_000;

function assertQuiesced(crng: BaseCrng): void {
  for (const size of [0, 16, 5000]) {
    const view = new Uint8Array(size).fill(1);
    assert.throws(() => crng.getRandomValues(view), code("quiesced"));
    assert.ok(view.every((byte) => byte === 0));
  }
  assert.throws(() => crng.randomUUID(), code("quiesced"));
}

function isWiped(memory: ArrayBuffer, former: ReadonlySet<number>): boolean {
  const bytes = new DataView(memory);
  for (let at = 0; at + 4 <= bytes.byteLength; at++) {
    if (former.has(bytes.getInt32(at, true))) return false;
  }
  return true;
}

function keyWords(key: Uint8Array): Set<number> {
  return new Set(new Int32Array(new Uint8Array(key).buffer));
}

/** Runs something, and logs what goes uncaught meanwhile. */
async function catching(
  log: string[],
  run: () => Promise<unknown>,
): Promise<void> {
  const real = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (callback) =>
    real(() => {
      try {
        callback();
      } catch (error) {
        log.push(`uncaught ${(error as Error).message}`);
      }
    });
  try {
    await run();
    await rest();
  } finally {
    globalThis.queueMicrotask = real;
  }
}

test("Realm.quiesce() makes every draw of the process throw, and wipes this realm's keys at once", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const [mine, other] = [here.generator(), there.generator()];
  mine.crng.getRandom(16);
  const before = toHex(other.crng.getRandom(16));
  const { memory, stream } = mine.lease.ports!.secrets;
  const former = keyWords(stream.key);
  const pending = here.realm.quiesce(LONG);
  assertQuiesced(mine.crng);
  assertQuiesced(other.crng);
  assert.ok(isWiped(memory, former));
  there.tick();
  const { held, notWiped, hooksFailed } = await pending;
  assert.deepEqual([held, notWiped, hooksFailed], [true, 0, []]);
  assertQuiesced(mine.crng);
  await here.realm.quiescer.resume();
  assert.equal(mine.crng.getRandom(16).length, 16);
  assert.notEqual(toHex(other.crng.getRandom(16)), before);
});

test("Realm.quiesce() waits for the other realms, whose heartbeat wipes them", async () => {
  const process = new Process();
  const here = process.realm();
  const others = Array.from({ length: 5 }, () => process.realm());
  const generators = others.map((other) => other.generator());
  const former = generators.map(({ crng, lease }) => {
    crng.getRandom(16);
    return keyWords(lease.ports!.secrets.stream.key);
  });
  let ended = false;
  const pending = here.realm.quiesce(LONG).finally(() => ended = true);
  for (const other of others) {
    await rest(10);
    assert.equal(ended, false);
    other.tick();
  }
  assert.equal((await pending).notWiped, 0);
  generators.forEach(({ lease }, i) => {
    assert.ok(isWiped(lease.ports!.secrets.memory, former[i]!));
  });
});

test("Realm.quiesce() counts the realms that have not wiped in time, though their draws throw", async () => {
  const process = new Process();
  const here = process.realm();
  const busy = [process.realm(), process.realm(), process.realm()];
  const generators = busy.map((realm) => realm.generator().crng);
  generators.forEach((crng) => crng.getRandom(4));
  const pending = here.realm.quiesce(30);
  busy[1]!.tick();
  assert.equal((await pending).notWiped, 2);
  generators.forEach(assertQuiesced);
  busy[0]!.tick();
  await rest();
  assert.equal(process.shim.symbols.vmfork_unwiped(), 1);
});

test("Realm.quiesce() does not count realms whose machine is closed", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const { lease } = there.generator();
  assert.ok(there.beats());
  lease.release();
  assert.ok(!there.beats());
  assert.equal((await here.realm.quiesce(LONG)).notWiped, 0);
});

test("Realm.quiesce() may be called by several: draws go on after the last of them", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const { crng } = here.generator();
  const [first, second] = [here.realm.quiesce(LONG), here.realm.quiesce(LONG)];
  assert.equal((await first).notWiped + (await second).notWiped, 0);
  assert.equal((await there.realm.quiesce(LONG)).notWiped, 0);
  await here.realm.quiescer.resume();
  assertQuiesced(crng);
  await here.realm.quiescer.resume();
  await here.realm.quiescer.resume(); // without a hold nothing happens
  assertQuiesced(crng);
  await there.realm.quiescer.resume();
  assert.equal(crng.getRandom(4).length, 4);
});

test("Realm.quiesce() keeps the machine open until all have let go", async () => {
  const { realm, generator, beats } = new Process().realm();
  const { lease } = generator();
  await realm.quiesce(LONG);
  lease.release();
  assert.ok(beats());
  const { crng } = generator();
  assertQuiesced(crng);
  await realm.quiescer.resume();
  assert.equal(crng.getRandom(4).length, 4);
});

test("Realm.quiesce() wipes again what has drawn between two quiesces that it has not noticed", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const { crng, lease } = there.generator();
  const first = here.realm.quiesce(LONG);
  there.tick();
  await first;
  await here.realm.quiescer.resume();
  crng.getRandom(16); // before its heartbeat
  const former = keyWords(lease.ports!.secrets.stream.key);
  const second = here.realm.quiesce(LONG);
  there.tick();
  assert.equal((await second).notWiped, 0);
  assert.ok(isWiped(lease.ports!.secrets.memory, former));
});

test("A realm that goes on has its generators reseed at once, and never from a wiped key", async () => {
  for (const strategy of [undefined, injection]) {
    const process = new Process(new SimulatedMachine({ hardware: false }));
    const [here, there] = [process.realm(), process.realm()];
    const [lease, other] = [here.realm.lease(), there.realm.lease()];
    const make = ({ ports }: typeof lease): BaseCrng =>
      new BaseCrng({ ...ports!, ...(strategy && { strategy }) });
    const [mine, twin] = [make(lease), make(other)];
    lease.keep(mine);
    other.keep(twin);
    const before = toHex(mine.getRandom(32));
    twin.getRandom(32);
    const pending = here.realm.quiesce(LONG);
    there.tick();
    await pending;
    process.machine.fork(); // the snapshot is cloned
    const { secrets } = lease.ports!;
    assert.equal(secrets.keyed, false);
    await here.realm.quiescer.resume();
    assert.equal(secrets.keyed, true);
    assert.equal(other.ports!.secrets.keyed, false);
    there.tick();
    assert.equal(other.ports!.secrets.keyed, true);
    assert.notEqual(toHex(mine.getRandom(32)), before);
    assert.notEqual(
      toHex(secrets.stream.key),
      toHex(other.ports!.secrets.stream.key),
    );
  }
});

test("A fork during a quiesce is told once after it, and a quiesce alone is not", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const events: VmForkEvent[] = [];
  const remove = here.realm.watcher.add((event) => void events.push(event));
  there.realm.watcher.add((event) => void events.push(event));
  const cycle = async (during: () => void): Promise<void> => {
    const pending = here.realm.quiesce(LONG);
    there.tick();
    await pending;
    during();
    here.tick();
    await here.realm.quiescer.resume();
    here.tick();
    there.tick();
    there.tick();
    await rest();
  };
  await cycle(() => {});
  assert.deepEqual(events, []);
  await cycle(() => process.machine.fork());
  assert.deepEqual(events.map(({ source }) => source), ["vmgenid", "vmgenid"]);
  remove();
});

test("Hooks run once in a quiesce, in order, in every realm, and before it is reached", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const log: string[] = [];
  const logging = (name: string) => () => void log.push(name);
  here.realm.addHook("before", logging("1 before"));
  here.realm.addHook("before", async () => {
    await rest();
    log.push("1 later");
  });
  here.realm.addHook("after", logging("1 after"));
  const remove = here.realm.addHook("before", logging("removed"));
  remove();
  there.realm.addHook("before", async () => {
    log.push("2 before");
    await rest();
    await rest();
    log.push("2 later");
  });
  there.realm.addHook("after", logging("2 after"));
  const pending = here.realm.quiesce(LONG);
  there.tick();
  there.tick();
  assert.equal((await pending).notWiped, 0);
  await here.realm.quiesce(LONG);
  assert.deepEqual(log, ["1 before", "2 before", "1 later", "2 later"]);
  await here.realm.quiescer.resume();
  await here.realm.quiescer.resume();
  there.tick();
  there.tick();
  await rest();
  assert.deepEqual(log.slice(4), ["1 after", "2 after"]);
});

test("Hooks that fail or take too long are reported, and do not stop the others", async () => {
  const { realm } = new Process().realm();
  const thrown = [new Error("at once"), new Error("later")];
  let ran = false;
  realm.addHook("before", () => {
    throw thrown[0];
  });
  realm.addHook("before", () => Promise.reject(thrown[1]));
  realm.addHook("before", () => new Promise(() => {}));
  realm.addHook("before", () => void (ran = true));
  const { hooksFailed, notWiped } = await realm.quiesce(20);
  assert.deepEqual(hooksFailed.slice(0, 2), thrown);
  assert.equal((hooksFailed[2] as Error).name, "TimeoutError");
  assert.equal(hooksFailed.length, 3);
  assert.equal(notWiped, 1);
  assert.ok(ran);
  await realm.quiescer.resume();
});

test("Realm.quiesce() takes any time that a timer can be set to", async () => {
  const { realm } = new Process().realm();
  // A timer that was set too far is over after 1 ms.
  realm.addHook("before", async () => {
    for (let i = 0; i < 20; i++) await rest(5);
  });
  const { hooksFailed } = await realm.quiesce(2 ** 31 - 1);
  assert.deepEqual(hooksFailed, []);
});

test("A realm whose hook has failed does not say that it has wiped its secrets", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  there.realm.addHook("before", () => Promise.reject(new Error("not wiped")));
  const pending = here.realm.quiesce(50);
  there.tick();
  await rest();
  there.tick();
  const { notWiped, hooksFailed } = await pending;
  assert.deepEqual([notWiped, hooksFailed], [1, []]);
});

test("A realm whose hook failed in its own quiesce is not wiped for another caller either", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  here.realm.addHook("before", () => Promise.reject(new Error("not wiped")));
  assert.equal((await here.realm.quiesce(20)).notWiped, 1);
  const { notWiped, hooksFailed } = await there.realm.quiesce(20);
  assert.deepEqual([notWiped, hooksFailed], [1, []]);
});

test("A hook that ends its own quiesce leaves nothing behind: the next one calls all hooks", async () => {
  const { realm, generator } = new Process().realm();
  const { crng } = generator();
  const log: string[] = [];
  let early = true;
  realm.addHook("before", () => {
    if (early) void realm.quiescer.resume();
    early = false;
  });
  realm.addHook("before", () => rest().then(() => void log.push("wiped")));
  realm.addHook("after", () => void log.push("after"));
  assert.equal((await realm.quiesce(LONG)).held, false);
  assert.equal(crng.getRandom(4).length, 4);
  await rest();
  assert.deepEqual(log.splice(0), ["wiped", "after"]);
  assert.equal((await realm.quiesce(LONG)).held, true);
  assertQuiesced(crng);
  assert.deepEqual(log, ["wiped"]);
});

test("A hook that calls Realm.quiesce() takes one hold of its own", async () => {
  const { realm, generator } = new Process().realm();
  const { crng } = generator();
  let inner: ReturnType<Realm["quiesce"]> | undefined;
  let calls = 0;
  realm.addHook("before", () => {
    if (++calls < 10) inner = realm.quiesce(LONG);
  });
  const outer = await realm.quiesce(LONG);
  assert.equal(calls, 1);
  const { held, notWiped, hooksFailed, resume } = await inner!;
  assert.deepEqual([held, notWiped, hooksFailed], [true, 0, []]);
  await outer.resume();
  assertQuiesced(crng);
  await resume();
  assert.equal(crng.getRandom(4).length, 4);
});

test("A realm that closes its last machine in a quiesce calls its hooks in the next one", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const remove = there.realm.addHook("before", () => {});
  const first = here.realm.quiesce(LONG);
  there.tick();
  await first;
  remove();
  await here.realm.quiescer.resume();
  const { crng, lease } = there.generator();
  let wiped = 0;
  there.realm.addHook("before", () => void wiped++);
  crng.getRandom(16);
  const former = keyWords(lease.ports!.secrets.stream.key);
  const second = here.realm.quiesce(LONG);
  there.tick();
  assert.equal((await second).notWiped, 0);
  assert.equal(wiped, 1);
  assert.ok(isWiped(lease.ports!.secrets.memory, former));
});

test("A realm that takes another machine between two quiesces calls its hooks in the second", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const { lease } = there.generator();
  const first = here.realm.quiesce(LONG);
  there.tick();
  await first;
  await here.realm.quiescer.resume();
  there.realm.configure({ source: new SimulatedMachine().source });
  let wiped = 0;
  there.realm.addHook("before", () => void wiped++);
  const second = here.realm.quiesce(LONG);
  lease.release(); // before its heartbeat
  there.tick();
  assert.equal((await second).notWiped, 0);
  assert.equal(wiped, 1);
});

test("Hooks run in a second quiesce too, if a realm has not seen the first one end", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const { crng, lease } = there.generator();
  let kept: Uint8Array | undefined;
  there.realm.addHook("before", () => void (kept = undefined));
  const first = here.realm.quiesce(LONG);
  there.tick();
  assert.equal((await first).notWiped, 0);
  await here.realm.quiescer.resume();
  kept = crng.getRandom(16); // between two of its heartbeats
  const former = keyWords(lease.ports!.secrets.stream.key);
  const second = here.realm.quiesce(LONG);
  there.tick();
  await rest();
  there.tick();
  assert.equal((await second).notWiped, 0);
  assert.equal(kept, undefined);
  assert.ok(isWiped(lease.ports!.secrets.memory, former));
});

test("Realm.quiesce() says so if it was ended before all was wiped", async () => {
  const process = new Process();
  const { realm, generator } = process.realm();
  const { crng, lease } = generator();
  realm.addHook("before", () => rest(5));
  const pending = realm.quiesce(LONG);
  await realm.quiescer.resume();
  crng.getRandom(16);
  assert.equal((await pending).held, false);
  assert.ok(lease.ports!.secrets.keyed);
  // And where another one has begun meanwhile.
  const first = realm.quiesce(LONG);
  await realm.quiescer.resume();
  const second = realm.quiesce(LONG);
  assert.equal((await first).held, false);
  assert.equal((await second).held, true);
});

test("Each caller of Realm.quiesce() ends its own hold, and no other's", async () => {
  const { realm, generator } = new Process().realm();
  const { crng } = generator();
  const first = await realm.quiesce(0);
  const second = await realm.quiesce(0);
  await first.resume();
  await first.resume();
  assertQuiesced(crng);
  await second.resume();
  assert.equal(crng.getRandom(4).length, 4);
  await second.resume();
});

test("Realm.quiesce() keeps its own time limit, whoever has begun the hooks", async () => {
  const { realm } = new Process().realm();
  realm.addHook("before", () => new Promise(() => {}));
  let ended = false;
  const first = realm.quiesce(1_000).finally(() => ended = true);
  const { hooksFailed } = await realm.quiesce(20);
  assert.equal(ended, false);
  assert.equal((hooksFailed[0] as Error).name, "TimeoutError");
  await first;
});

test("Hooks of a resume wait for those of the quiesce, and what they throw goes uncaught", async () => {
  const { realm } = new Process().realm();
  const log: string[] = [];
  realm.addHook("before", async () => {
    await rest();
    await rest();
    log.push("wiped");
  });
  realm.addHook("after", () => {
    log.push("after");
    throw new Error("hook");
  });
  realm.addHook("after", () => void log.push("second"));
  await catching(log, async () => {
    const pending = realm.quiesce(LONG);
    const resumed = realm.quiescer.resume();
    await Promise.all([pending, resumed]);
  });
  assert.deepEqual(log, ["wiped", "after", "second", "uncaught hook"]);
  assert.throws(() => realm.addHook("before", 3 as never), TypeError);
});

test("A hook of a resume may take as long as it likes: resume() waits for it, and others' errors do not", async () => {
  const { machine, shim } = new Process();
  const realm = new Realm(
    () => openMachine({}, { shim, clock: machine.clock }),
    {
      every: () => () => {},
      // All limits but this test's own are over at once.
      pause: (ms) => ms < LONG ? rest() : new Promise(() => {}),
    },
  );
  const log: string[] = [];
  realm.addHook("after", async () => {
    for (let i = 0; i < 5; i++) await rest();
    log.push("slow");
  });
  realm.addHook("after", () => Promise.reject(new Error("hook")));
  await catching(log, async () => {
    await realm.quiesce(LONG);
    await realm.quiescer.resume();
    log.push("resumed");
  });
  assert.deepEqual(log, ["uncaught hook", "slow", "resumed"]);
});

test("Hooks that end in a later quiesce do not hide what was drawn in between", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const { crng, lease } = there.generator();
  const log: string[] = [];
  let end = (): void => {};
  there.realm.addHook("before", () => new Promise((resolve) => end = resolve));
  there.realm.addHook("after", () => void log.push("after"));
  const first = here.realm.quiesce(20);
  there.tick();
  assert.equal((await first).notWiped, 1);
  await here.realm.quiescer.resume();
  crng.getRandom(16); // before its heartbeat
  const former = keyWords(lease.ports!.secrets.stream.key);
  const second = here.realm.quiesce(LONG);
  end(); // of the first: those of the second are yet to run
  await rest();
  end();
  assert.equal((await second).notWiped, 0);
  assert.ok(isWiped(lease.ports!.secrets.memory, former));
  await here.realm.quiescer.resume();
  there.tick();
  await rest();
  assert.deepEqual(log, ["after"]);
});

/** Adds a hook that runs until the test ends it, call by call, and gives these ends. */
function addLongHook(realm: Realm): (() => void)[] {
  const ends: (() => void)[] = [];
  realm.addHook("before", () => new Promise((resolve) => ends.push(resolve)));
  return ends;
}

test("Hooks of a resume run once, when the hooks of all quiesces have ended", async () => {
  for (const order of [[0, 1], [1, 0]]) {
    const { realm } = new Process().realm();
    const ends = addLongHook(realm);
    let calls = 0;
    realm.addHook("after", () => void calls++);
    const pending = [realm.quiesce(LONG), realm.quiescer.resume()];
    pending.push(realm.quiesce(LONG), realm.quiescer.resume());
    ends[order[0]!]!();
    await rest();
    assert.equal(calls, 0);
    ends[order[1]!]!();
    await Promise.all(pending);
    assert.equal(calls, 1);
  }
});

test("Realm.quiesce() waits for the hooks of an earlier one too, which may still wipe", async () => {
  const { realm } = new Process().realm();
  const ends = addLongHook(realm);
  const first = realm.quiesce(LONG);
  const resumed = realm.quiescer.resume();
  let ended = false;
  const second = realm.quiesce(LONG).finally(() => ended = true);
  ends[1]!();
  await rest(20);
  assert.equal(ended, false);
  ends[0]!();
  const { held, notWiped, hooksFailed } = await second;
  assert.deepEqual([held, notWiped, hooksFailed], [true, 0, []]);
  await Promise.all([first, resumed]);
});

test("A draw that came too late for a hook of a resume is no error, also once the next quiesce is over", async () => {
  const { realm, generator } = new Process().realm();
  const { crng } = generator();
  const log: string[] = [];
  realm.addHook("after", async () => {
    log.push("called");
    if (log.length > 1) return;
    await realm.quiesce(LONG);
    try {
      crng.getRandom(4);
    } finally {
      await realm.quiescer.resume();
    }
  });
  await catching(log, async () => {
    await realm.quiesce(LONG);
    await realm.quiescer.resume();
  });
  assert.deepEqual(log, ["called", "called"]);
});

test("Hooks of a resume do not run while the process is quiesced again", async () => {
  const { realm } = new Process().realm();
  const log: string[] = [];
  realm.addHook("before", async () => {
    await rest();
    log.push("before");
  });
  realm.addHook("after", () => void log.push("after"));
  const first = realm.quiesce(LONG);
  const resumed = realm.quiescer.resume();
  const second = realm.quiesce(LONG);
  await Promise.all([first, resumed, second]);
  assert.deepEqual(log, ["before", "before"]);
  await realm.quiescer.resume();
  assert.deepEqual(log, ["before", "before", "after"]);
});

test("A hook of a resume that draws while another realm quiesces again runs once more, and nothing goes uncaught", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const { crng } = here.generator();
  const log: string[] = [];
  let again: Promise<unknown> | undefined;
  here.realm.addHook("after", async () => {
    await rest();
    again ??= there.realm.quiesce(0);
    log.push("asked");
    crng.getRandom(16);
    log.push("drawn");
  });
  await here.realm.quiesce(0);
  await here.realm.quiescer.resume();
  await again;
  assert.deepEqual(log, ["asked"]);
  await there.realm.quiescer.resume();
  here.tick();
  await rest();
  await rest();
  assert.deepEqual(log, ["asked", "asked", "drawn"]);
});

test("Hooks of a resume wait where another realm has quiesced again before they began", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  const log: string[] = [];
  here.realm.addHook("after", () => void log.push("after"));
  await here.realm.quiesce(0);
  const resumed = here.realm.quiescer.resume();
  const again = there.realm.quiesce(0);
  await Promise.all([resumed, again]);
  assert.deepEqual(log, []);
  await there.realm.quiescer.resume();
  here.tick();
  await rest();
  assert.deepEqual(log, ["after"]);
});

test("A hook keeps the realm's machine open, as it is to be asked even without a generator", async () => {
  const process = new Process();
  const [here, there] = [process.realm(), process.realm()];
  let wiped = 0;
  const remove = there.realm.addHook("before", () => void wiped++);
  assert.ok(there.beats());
  const pending = here.realm.quiesce(LONG);
  there.tick();
  assert.equal((await pending).notWiped, 0);
  assert.equal(wiped, 1);
  remove();
  assert.ok(!there.beats());
});

test("A machine with a source of the program's own and no shim is quiesced in its realm alone", async () => {
  const machine = new SimulatedMachine();
  const { source, entropy } = machine;
  const { realm, generator, beats } = handRealm(openMachine);
  realm.configure({ source, entropy });
  const { crng, lease } = generator();
  const guard = crng.forkGuard();
  let told = 0;
  crng.onVmFork(() => void told++);
  const before = toHex(crng.getRandom(32));
  const former = keyWords(lease.ports!.secrets.stream.key);
  assert.ok(!beats());
  assert.equal((await realm.quiesce(LONG)).notWiped, 0);
  assertQuiesced(crng);
  assert.throws(() => guard.throwIfForked(), code("quiesced"));
  assert.throws(() => crng.forkGuard(), code("quiesced"));
  assert.ok(isWiped(lease.ports!.secrets.memory, former));
  await realm.quiescer.resume();
  assert.notEqual(toHex(crng.getRandom(32)), before);
  assert.equal(guard.forked, true); // in doubt
  assert.equal(crng.check(), false);
  machine.fork();
  assert.equal(crng.check(), true);
  await rest();
  assert.equal(told, 1);
});

test("A machine that is opened in a quiesced realm is quiesced too", async () => {
  const machine = new SimulatedMachine();
  const { realm, generator } = handRealm(openMachine);
  realm.configure({ source: machine.source, entropy: machine.entropy });
  await realm.quiesce(LONG);
  const other = new SimulatedMachine({ seed: 2 });
  realm.configure({ source: other.source, entropy: other.entropy });
  const { crng } = generator();
  assertQuiesced(crng);
  await realm.quiescer.resume();
  assert.equal(crng.getRandom(4).length, 4);
});

test("A source of the program's own beside the shim stops with the whole process", async () => {
  const process = new Process();
  const { source } = new SimulatedMachine();
  const [here, there] = [process.realm(), process.realm()];
  there.realm.configure({ source });
  const { crng } = there.generator();
  const sources: string[] = [];
  crng.onVmFork((event) => void sources.push(event.source));
  crng.getRandom(4);
  const pending = here.realm.quiesce(LONG);
  assertQuiesced(crng);
  there.tick();
  assert.equal((await pending).notWiped, 0);
  await here.realm.quiescer.resume();
  crng.getRandom(4);
  await rest();
  assert.deepEqual(sources, []);
});

test("A machine that shows no fork stops too while the process is quiesced", async () => {
  for (const hardware of [true, false]) {
    const process = new Process(
      new SimulatedMachine({ obstruction: "no-device", hardware }),
    );
    const here = process.realm();
    const { crng } = here.generator();
    crng.getRandom(4);
    await here.realm.quiesce(LONG);
    assertQuiesced(crng);
    await here.realm.quiescer.resume();
    assert.equal(crng.getRandom(4).length, 4);
    assert.throws(() => crng.forkGuard(), code("level-unavailable"));
  }
});

test("Realm.quiesce() throws where it takes the shim and there is none, and changes nothing", async () => {
  const shim = { reason: "it is missing", remedy: "a permission" };
  const { realm, generator } = handRealm(() => openMachine({}, { shim }));
  await assert.rejects(
    realm.quiesce(LONG),
    (error) =>
      error instanceof ProtectionError && error.code === "permission-denied" &&
      /the shim: it is missing; it takes a permission/.test(error.message),
  );
  const { crng, lease } = generator();
  assert.equal(crng.getRandom(4).length, 4);
  lease.release();
});

test("Realm.quiesce() throws where there is no place left among the realms, and draws go on", async () => {
  const process = new Process();
  let full = true;
  const { vmfork_join } = process.shim.symbols;
  const { realm, generator, tick } = process.realm({
    ...process.shim,
    symbols: {
      ...process.shim.symbols,
      vmfork_join: () => full ? -24 : vmfork_join(),
    },
  });
  const { crng } = generator();
  let resumed = 0;
  realm.addHook("after", () => void resumed++);
  await assert.rejects(
    realm.quiesce(LONG),
    (error) => error instanceof ShimError && error.errno === "EMFILE",
  );
  assert.equal(crng.getRandom(4).length, 4);
  assert.equal(resumed, 0);
  full = false; // another realm has left
  tick();
  assert.equal((await realm.quiesce(LONG)).notWiped, 0);
  assertQuiesced(crng);
});

test("A generator that was released is wiped, and no longer known to its realm", () => {
  const { generator } = new Process().realm();
  const { crng, lease } = generator();
  crng.getRandom(16);
  const { memory, stream } = lease.ports!.secrets;
  const former = keyWords(stream.key);
  lease.release();
  assert.ok(isWiped(memory, former));
});
