import assert from "node:assert/strict";
import { test } from "node:test";
import {
  guard,
  GuardianError,
  type GuardOptions,
  type Healing,
  type Watch,
} from "../../ffi/guardian.ts";
import type { Shim, ShimSymbols } from "../../ffi/shim/shim.ts";
import { type Obstruction, SimulatedMachine } from "../../ffi/testing/mod.ts";

const WRITTEN = 56;
const EPERM = 1;
const ENODATA = 61;

interface Guarded {
  readonly machine: SimulatedMachine;
  readonly healed: Healing[];
  /** Waits until there have been so many. */
  until(count: number): Promise<void>;
  /** What becomes of it. */
  readonly ended: Promise<void>;
  /** Ends the guard. */
  end(): Promise<void>;
}

/** Starts a guard on a simulated machine, with some of the shim's functions replaced. */
function start(
  replace: Partial<ShimSymbols> = {},
  options: GuardOptions = {},
  machine: SimulatedMachine = new SimulatedMachine(),
): Guarded {
  const shim = withSymbols(machine.shim(), replace);
  const end = new AbortController();
  const healed: Healing[] = [];
  let tell = (): void => {};
  const guarding = guard({
    signal: end.signal,
    onHealed: (healing) => {
      healed.push(healing);
      tell();
    },
    ...options,
  }, { shim });
  return {
    machine,
    healed,
    ended: guarding,
    until: async (count) => {
      while (healed.length < count) {
        await new Promise<void>((resolve) => tell = resolve);
      }
    },
    end: () => {
      end.abort();
      return guarding;
    },
  };
}

/** With root: the kernel can be healed, unless that is replaced too. */
function withSymbols(shim: Shim, replace: Partial<ShimSymbols>): Shim {
  const symbols = {
    ...shim.symbols,
    vmfork_heal_kernel: () => WRITTEN,
    ...replace,
  };
  const vmfork_guard: ShimSymbols["vmfork_guard"] = async (...wait) => {
    const waited = await symbols.vmfork_wait(...wait);
    const count = symbols.vmfork_look();
    if (waited !== 1 || count === 0) return waited < 0 ? waited : 0;
    const healed = symbols.vmfork_heal_kernel();
    return healed < 0 ? healed : count;
  };
  return { ...shim, symbols: { ...symbols, vmfork_guard, ...replace } };
}

const refused = (pattern: RegExp) => (error: unknown): boolean =>
  error instanceof GuardianError && error.code === "guardian-failed" &&
  pattern.test(error.message);

test("guard() heals once at the start, and says what it watches", async () => {
  let watched: Watch | undefined;
  const { healed, end } = start({}, { onStart: (watch) => watched = watch });
  await end();
  assert.deepEqual(watched!.sources, ["vmgenid"]);
  assert.deepEqual(healed.map(({ seenBy }) => seenBy), ["start"]);
});

test("guard() heals once for every fork, and says where it was seen", async () => {
  const { machine, until, healed, end } = start();
  for (const clone of [1, 2, 3]) {
    machine.fork(clone);
    await until(1 + clone);
    assert.equal(healed[clone]!.seenBy, "vmgenid");
  }
  await end();
  assert.equal(healed.length, 4);
});

test("guard() heals for a rollback that leaves the id alone, which the event alone shows", async () => {
  const machine = new SimulatedMachine({ sources: ["vmgenid", "acpi-events"] });
  const { until, healed, end } = start({}, {}, machine);
  machine.rollBack();
  await until(2);
  assert.equal(healed[1]!.seenBy, "acpi-events");
  machine.fork();
  await until(3);
  assert.equal(healed[2]!.seenBy, "vmgenid+acpi-events");
  await end();
});

test("guard() heals again for a fork that falls into a healing", async () => {
  let calls = 0;
  const guarded = start({
    vmfork_heal_kernel: () => {
      if (++calls === 2) guarded.machine.fork(2);
      return WRITTEN;
    },
  });
  guarded.machine.fork(1);
  await guarded.until(3);
  await guarded.end();
  assert.equal(calls, 3);
});

test("guard() heals for a fork that falls into its start", async () => {
  const machine = new SimulatedMachine();
  const shim = withSymbols(machine.shim(), {
    vmfork_heal_kernel: () => {
      if (machine.forks === 0) machine.fork();
      return WRITTEN;
    },
  });
  const end = new AbortController();
  const seen: string[] = [];
  await guard({
    signal: end.signal,
    onHealed: ({ seenBy }) => {
      if (seen.push(seenBy) === 2) end.abort();
    },
  }, { shim });
  assert.deepEqual(seen, ["start", "vmgenid"]);
});

test("guard() waits with the interval that it was given, and no wait is left when it ends", async () => {
  const intervals: number[] = [];
  let waiting = 0;
  const machine = new SimulatedMachine();
  const shim = machine.shim();
  const end = new AbortController();
  const { vmfork_wait } = shim.symbols;
  const guarding = guard({ intervalMs: 7, signal: end.signal }, {
    shim: withSymbols(shim, {
      vmfork_heal_kernel: () => WRITTEN,
      vmfork_wait: async (handle, known, interval, timeout) => {
        intervals.push(interval);
        waiting++;
        const result = await vmfork_wait(handle, known, interval, timeout);
        waiting--;
        return result;
      },
    }),
  });
  end.abort();
  await guarding;
  assert.ok(intervals.length > 0 && intervals.every((ms) => ms === 7));
  assert.equal(waiting, 0);
});

test("guard() looks as often as one processor has 1 % for it, from 1 to 20 ms", async () => {
  for (
    const [lookMs, least, most] of [[0, 1, 20], [0.05, 5, 20], [1, 20, 20]]
  ) {
    let watch: Watch | undefined;
    const { end } = start(
      {
        vmfork_look: () => {
          const until = performance.now() + lookMs!;
          while (performance.now() < until);
          return 1;
        },
      },
      { onStart: (found) => watch = found },
    );
    await end();
    const { intervalMs } = watch!;
    assert.ok(intervalMs >= least! && intervalMs <= most!, `${intervalMs} ms`);
  }
});

test("guard() heals once and ends with a signal that was aborted before", async () => {
  const { healed, end } = start({}, { signal: AbortSignal.abort() });
  await end();
  assert.equal(healed.length, 1);
});

test("guard() refuses an interval that is none", async () => {
  for (const intervalMs of [0, -1, 1.5, 1001, NaN]) {
    await assert.rejects(guard({ intervalMs }), RangeError);
  }
});

test("guard() says why there is no shim", async () => {
  const shim = { reason: "it was forbidden", remedy: "a flag" };
  await assert.rejects(
    guard({}, { shim }),
    refused(/there is no shim: it was forbidden; it takes a flag/),
  );
});

for (const obstruction of ["no-device", "not-root", "no-dev-mem"] as const) {
  test(`guard() says why nothing shows forks where there is ${obstruction}`, async () => {
    const machine = new SimulatedMachine({
      obstruction: obstruction as Obstruction,
    });
    const shim = machine.shim();
    const [why] = machine.open().protection.notReached;
    await assert.rejects(guard({}, { shim }), (error) => {
      assert.ok(error instanceof GuardianError);
      assert.ok(error.message.includes(why!.reason), error.message);
      assert.ok(error.message.includes(why!.remedy), error.message);
      return true;
    });
  });
}

test("guard() says what the kernel refuses, at the start", async () => {
  const cases: [number, RegExp][] = [
    [-EPERM, /CAP_SYS_ADMIN only.*; it takes root/],
    [-ENODATA, /neither a unique id nor hardware randomness/],
    [-5, /Cannot complete "vmfork_heal_kernel": EIO$/],
  ];
  for (const [result, message] of cases) {
    const shim = withSymbols(new SimulatedMachine().shim(), {
      vmfork_heal_kernel: () => result,
    });
    await assert.rejects(guard({}, { shim }), refused(message));
  }
});

test("guard() fails when the kernel refuses later", async () => {
  let result = WRITTEN;
  const refusing = start({ vmfork_heal_kernel: () => result });
  result = -EPERM;
  refusing.machine.fork();
  await assert.rejects(refusing.ended, refused(/CAP_SYS_ADMIN/));
});

test("guard() fails when what shows forks cannot be read any more", async () => {
  let count = 1;
  const { ended, machine } = start({ vmfork_look: () => count });
  count = 0;
  machine.fork(); // so that the wait ends
  await assert.rejects(ended, refused(/what shows forks cannot be read/));
});

test("guard() stands a quiesce of its process, and heals for a fork that fell into it", async () => {
  const machine = new SimulatedMachine();
  const shim = withSymbols(machine.shim(), {});
  const { symbols } = shim; // of the same process
  const end = new AbortController();
  const healed: string[] = [];
  const guarding = guard({
    signal: end.signal,
    onHealed: ({ seenBy }) => {
      if (healed.push(seenBy) === 2) end.abort();
    },
  }, { shim });
  const realm = symbols.vmfork_join();
  symbols.vmfork_quiesce(realm);
  machine.fork();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(healed.length, 1);
  symbols.vmfork_resume(realm);
  await guarding;
  assert.equal(healed.length, 2);
});
