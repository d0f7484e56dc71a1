import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BaseCrng,
  ForkWatcher,
  type GenerationSource,
  type Timer,
  type VmForkEvent,
} from "../../crng/mod.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";

const rest = (ms = 0): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Rests at once, and counts. */
class QuickTimer implements Timer {
  pauses = 0;

  every(): () => void {
    return () => {};
  }

  pause(): Promise<void> {
    this.pauses++;
    return rest(1);
  }
}

/** A watcher on a machine, with what it opens counted. */
function watching(
  machine: SimulatedMachine,
  change: (source: GenerationSource) => GenerationSource = (source) => source,
): { watcher: ForkWatcher; uses: () => number; timer: QuickTimer } {
  const { clock, source } = machine.ports();
  let uses = 0;
  const timer = new QuickTimer();
  const watcher = new ForkWatcher(() => {
    uses++;
    return { clock, source: change(source), release: () => void uses-- };
  }, timer);
  return { watcher, uses: () => uses, timer };
}

test("ForkWatcher tells of a fork that nobody draws after, once, in order, in a microtask", async () => {
  const machine = new SimulatedMachine();
  const { watcher } = watching(machine);
  const log: string[] = [];
  watcher.add((event) => void log.push(`first ${event.after - event.before}`));
  watcher.add(({ source }) => void log.push(`second ${source}`));
  watcher.tick();
  await rest();
  assert.deepEqual(log, []);
  machine.fork();
  watcher.tick();
  assert.deepEqual(log, []);
  await Promise.resolve();
  assert.deepEqual(log, ["first 1", "second vmgenid"]);
  watcher.tick();
  await rest();
  assert.equal(log.length, 2);
});

test("ForkWatcher does not tell again what comes late of a generator, after a look has told of more", async () => {
  const machine = new SimulatedMachine();
  let source!: GenerationSource;
  const { watcher } = watching(machine, (opened) => source = opened);
  const told: string[] = [];
  watcher.add(({ before, after }) => void told.push(`${before}-${after}`));
  const before = source.generation();
  machine.fork();
  const after = source.generation();
  machine.fork();
  watcher.tick();
  watcher.relay({ before, after, source: "vmgenid", when: 0 });
  watcher.tick();
  await rest();
  assert.deepEqual(told, [`${before}-${after + 1}`]);
});

test("ForkWatcher tells of a change of which its source names no place", async () => {
  const machine = new SimulatedMachine();
  let count = 1;
  const { watcher } = watching(machine, () => ({
    name: "own",
    timely: true,
    generation: () => count,
    changedBy: () => "",
    uniqueId: () => 0,
    changed: () => Promise.reject(new Error("not here")),
  }));
  const told: string[] = [];
  watcher.add(({ source }) => void told.push(source));
  count = 2;
  watcher.tick();
  await rest();
  assert.deepEqual(told, ["own"]);
});

test("ForkWatcher uses a source only while there are listeners", () => {
  const { watcher, uses } = watching(new SimulatedMachine());
  const controller = new AbortController();
  assert.equal(watcher.active, false);
  const removes = [
    watcher.add(() => {}),
    watcher.add(() => {}, { signal: controller.signal }),
    watcher.add(() => {}, { wait: true }),
  ];
  assert.equal(uses(), 1);
  removes[0]!();
  removes[0]!();
  removes[2]!();
  assert.equal(watcher.active, true);
  controller.abort();
  assert.equal(uses(), 0);
  assert.equal(watcher.active, false);
  watcher.add(() => {}, { signal: AbortSignal.abort() });
  assert.equal(uses(), 0);
  assert.throws(() => watcher.add(3 as never), TypeError);
  assert.equal(uses(), 0);
  watcher.tick();
});

test("ForkWatcher passes on what opening its source throws, and has no listener then", () => {
  const watcher = new ForkWatcher(() => {
    throw new Error("closed");
  }, new QuickTimer());
  assert.throws(() => watcher.add(() => {}), /closed/);
  assert.equal(watcher.active, false);
});

test("ForkWatcher has the generator reseed before listeners are called, and tells of its draws' finds once", async () => {
  const machine = new SimulatedMachine();
  const ports = machine.ports();
  const watcher = new ForkWatcher(
    () => ({ ...ports, release() {} }),
    new QuickTimer(),
  );
  let reseeds = 0;
  const crng = new BaseCrng({
    ...ports,
    entropy: {
      ...ports.entropy,
      fill(seed) {
        reseeds++;
        ports.entropy.fill(seed);
      },
    },
  });
  crng.onVmFork((event) => watcher.relay(event));
  watcher.follow(() => crng.check());
  const events: [VmForkEvent, reseeds: number][] = [];
  watcher.add((event) => void events.push([event, reseeds]));
  crng.getRandom(4);
  machine.fork();
  watcher.tick(); // the look finds it
  await rest();
  assert.deepEqual(events.map(([, reseeds]) => reseeds), [2]);
  machine.fork();
  crng.getRandom(4); // a draw finds it
  await rest();
  watcher.tick();
  await rest();
  assert.deepEqual(events.map(([, reseeds]) => reseeds), [2, 3]);
  crng.notifyFork();
  await rest();
  watcher.tick();
  await rest();
  assert.deepEqual(
    events.map(([{ source }]) => source),
    ["vmgenid", "vmgenid", "notifyFork"],
  );
});

test("ForkWatcher tells even if the generator cannot reseed", async () => {
  const machine = new SimulatedMachine();
  const { watcher } = watching(machine);
  let told = 0;
  watcher.follow(() => {
    throw new Error("no entropy");
  });
  watcher.add(() => void told++);
  machine.fork();
  watcher.tick();
  await rest();
  assert.equal(told, 1);
});

test("ForkWatcher tells later of a fork that fell into a time when its source could not answer", async () => {
  const machine = new SimulatedMachine();
  let answer: "count" | "zero" | "throw" = "zero";
  const { watcher } = watching(machine, (source) => ({
    name: source.name,
    timely: true,
    uniqueId: () => 0,
    changed: () => Promise.reject(new Error("not here")),
    generation: () => {
      if (answer === "throw") throw new Error("broken");
      return answer === "zero" ? 0 : source.generation();
    },
  }));
  let told = 0;
  watcher.add(() => void told++);
  machine.fork();
  answer = "count";
  watcher.tick(); // the first count that it sees
  for (const failing of ["zero", "throw"] as const) {
    answer = failing;
    machine.fork();
    watcher.tick();
    await rest();
  }
  assert.equal(told, 0);
  answer = "count";
  watcher.tick();
  await rest();
  assert.equal(told, 1);
});

test("ForkWatcher tells of what a page shows while a late source cannot be read", async () => {
  const machine = new SimulatedMachine();
  let late = true;
  const { watcher } = watching(machine, (source) => ({
    name: source.name,
    timely: true,
    uniqueId: () => 0,
    changed: () => Promise.reject(new Error("not here")),
    generation: () => source.generation(),
    look: () => late ? source.generation() : 0,
  }));
  let told = 0;
  watcher.add(() => void told++);
  late = false;
  machine.fork();
  watcher.tick();
  watcher.tick();
  await rest();
  assert.equal(told, 1);
});

test("ForkWatcher that begins while the process is quiesced tells of a fork of that time", async () => {
  for (const forks of [0, 1]) {
    let [count, by] = [0, ""];
    const machine = new SimulatedMachine();
    const { watcher } = watching(machine, (source) => ({
      name: source.name,
      timely: true,
      uniqueId: () => 0,
      changed: () => Promise.reject(new Error("not here")),
      generation: () => count,
      changedBy: () => by,
      quiesced: () => count === 0,
    }));
    let told = 0;
    watcher.add(() => void told++);
    watcher.tick();
    [count, by] = forks === 0 ? [5, "resume"] : [6, "vmgenid"];
    watcher.tick();
    watcher.tick();
    await rest();
    assert.equal(told, forks);
  }
});

test("ForkWatcher gives a source back that cannot be looked at", () => {
  const { watcher, uses } = watching(new SimulatedMachine(), (source) => ({
    name: source.name,
    timely: true,
    uniqueId: () => 0,
    changed: () => Promise.reject(new Error("not here")),
    generation: () => {
      throw new Error("broken");
    },
  }));
  assert.throws(() => watcher.add(() => {}), /broken/);
  assert.equal(uses(), 0);
  assert.equal(watcher.active, false);
});

test("ForkWatcher takes another source into use after a last look at the one before", async () => {
  const machines = [new SimulatedMachine(), new SimulatedMachine()] as const;
  const open = machines.map((machine) => machine.ports());
  const released: number[] = [];
  let current = 0;
  const watcher = new ForkWatcher(() => {
    const opened = current;
    return { ...open[opened]!, release: () => void released.push(opened) };
  }, new QuickTimer());
  let told = 0;
  const remove = watcher.add(() => void told++, { wait: true });
  machines[0].fork();
  current = 1;
  watcher.reopen();
  assert.deepEqual(released, [0]);
  await rest();
  assert.equal(told, 1);
  machines[0].fork();
  machines[1].fork();
  watcher.tick();
  await rest();
  assert.equal(told, 2);
  remove();
  assert.deepEqual(released, [0, 1]);
  watcher.reopen();
});

test("ForkWatcher waits for a change where it is asked to, and tells without a look of the caller's", async () => {
  const machine = new SimulatedMachine();
  const { watcher } = watching(machine);
  const remove = watcher.add(() => {}, { wait: true });
  const told = new Promise<VmForkEvent>((resolve) => watcher.add(resolve));
  await rest(5);
  machine.fork();
  assert.equal((await told).source, "vmgenid");
  remove();
  const controller = new AbortController();
  const again = new Promise<VmForkEvent>((resolve) => {
    watcher.add(resolve, { wait: true, signal: controller.signal });
  });
  machine.fork();
  await again;
  controller.abort();
});

test("ForkWatcher keeps the process alive while it waits, also where nothing is waited for in the source", async () => {
  const { clock, source } = new SimulatedMachine().ports();
  const pauses = new Set<() => void>();
  const timer: Timer = {
    every: () => () => {},
    pause: (_, signal) =>
      new Promise((resolve) => {
        const end = (): void => {
          pauses.delete(end);
          resolve();
        };
        pauses.add(end);
        signal.addEventListener("abort", end);
      }),
  };
  const changed = (): Promise<number> => new Promise(() => {});
  const watcher = new ForkWatcher(
    () => ({ clock, source: { ...source, changed }, release() {} }),
    timer,
  );
  watcher.add(() => {});
  assert.equal(pauses.size, 0);
  const remove = watcher.add(() => {}, { wait: true });
  for (let i = 0; i < 2; i++) {
    assert.equal(pauses.size, 1);
    pauses.forEach((end) => end()); // the time is over, the wait is not
    await rest();
  }
  watcher.reopen();
  await rest();
  assert.equal(pauses.size, 1);
  remove();
  assert.equal(pauses.size, 0);
});

test("ForkWatcher rests where a wait ends at once or cannot be had, and never spins", async () => {
  for (const changed of ["reject", "resolve"] as const) {
    const machine = new SimulatedMachine();
    let waits = 0;
    const { watcher, timer } = watching(machine, (source) => ({
      name: source.name,
      timely: true,
      generation: source.generation,
      uniqueId: () => 0,
      changed: () => {
        waits++;
        return changed === "reject"
          ? Promise.reject(new Error("no place"))
          : Promise.resolve(0);
      },
    }));
    let told = 0;
    const remove = watcher.add(() => void told++, { wait: true });
    await rest(20);
    assert.ok(waits > 0 && timer.pauses >= waits - 1);
    machine.fork();
    await rest(20);
    assert.equal(told, 1);
    remove();
    await rest(5);
    const before = waits;
    await rest(20);
    assert.equal(waits, before);
  }
});
