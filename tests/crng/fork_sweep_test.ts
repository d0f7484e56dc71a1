import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BaseCrng,
  type CrngPorts,
  injection,
  inputPool,
  type ReseedStrategy,
  Secrets,
} from "../../crng/mod.ts";
import {
  runInClones,
  type SimulatedMachine,
  type SimulatedMachineOptions,
} from "../../ffi/testing/mod.ts";
import { toHex } from "../hex.ts";

// The sweep forks the machine at every single port call of every kind of draw and of every kind of
// reseed, and compares two clones. In the worst case below getrandom, clock and cycle counter are alike in
// both clones for ever and there is no hardware randomness: the id alone parts them.

/** One draw: the port calls before it and after it, and what it returned. */
interface Drawn {
  readonly from: number;
  readonly to: number;
  readonly out: string;
}

type Draw = (crng: BaseCrng) => string;
const bytes = (n: number): Draw => (crng) => toHex(crng.getRandom(n));

const DRAWS: Record<string, Draw> = {
  "buffered draw": bytes(16),
  "draw that crosses a refill": bytes(700),
  "large draw": bytes(3000),
  "uint32": (crng) => String(crng.randomUint32()),
  "integer by rejection": (crng) => String(crng.randomInt(0, 2 ** 52 + 1)),
  "uuid": (crng) => crng.randomUUID(),
};

/** What comes before the draws under test; the calls it makes are swept as well. */
const BEFORE: Record<
  string,
  (machine: SimulatedMachine, crng: BaseCrng, secrets: Secrets) => void
> = {
  "on a first draw": () => {},
  "after other draws": (_, crng) => void crng.getRandom(40),
  "with a timed reseed due": (machine, crng) => {
    crng.getRandom(40);
    machine.tick(61_000);
  },
  "with a fork reseed due": (machine, crng) => {
    crng.getRandom(40);
    machine.fork(0); // an earlier fork, the same in both clones
  },
  "after an asked-for reseed": (_, crng) => crng.reseed(Uint8Array.of(1)),
  "after notifyFork()": (_, crng) => crng.notifyFork(),
  "after a check that finds a fork": (machine, crng) => {
    crng.onVmFork(() => {});
    crng.getRandom(40);
    machine.fork(0);
    crng.check();
  },
  "after its secrets were wiped": (_, crng, secrets) => {
    crng.getRandom(40);
    secrets.wipe();
  },
};

const STRATEGIES: readonly ReseedStrategy[] = [inputPool, injection];

/** Four draws in a row; two clones that never part would agree on all of them. */
function program(
  strategy: ReseedStrategy,
  before: (typeof BEFORE)[string],
  draw: Draw,
  unbuffered: boolean,
): (machine: SimulatedMachine) => Drawn[] {
  return (machine) => {
    const secrets = new Secrets();
    const ports: CrngPorts = {
      ...machine.ports(),
      strategy,
      unbuffered,
      secrets,
    };
    const crng = new BaseCrng(ports);
    before(machine, crng, secrets);
    return Array.from({ length: 4 }, () => {
      const from = machine.calls;
      const out = draw(crng);
      return { from, to: machine.calls, out };
    });
  };
}

/** Returns how many draws were compared after the fork. */
function compare(
  a: Drawn[],
  b: Drawn[],
  forkAtCall: number,
  where: string,
): number {
  let after = 0;
  a.forEach((drawn, i) => {
    const twin = b[i]!;
    if (drawn.to < forkAtCall) {
      // Its last check had run: the same in each clone, by the very nature of a clone.
      assert.equal(drawn.out, twin.out, where);
      return;
    }
    // In flight, and so redone, or started after the fork.
    assert.notEqual(drawn.out, twin.out, where);
    after++;
  });
  return after;
}

function sweep(
  options: SimulatedMachineOptions,
  run: (machine: SimulatedMachine) => Drawn[],
  name: string,
): number {
  const [whole] = runInClones(1, options, (machine) => {
    run(machine);
    return machine.calls;
  });
  let compared = 0;
  for (let forkAtCall = 1; forkAtCall <= whole!; forkAtCall++) {
    const [a, b] = runInClones(2, { ...options, forkAtCall }, run);
    compared += compare(
      a!,
      b!,
      forkAtCall,
      `${name}, fork at call ${forkAtCall}`,
    );
  }
  return compared;
}

const MACHINES: Record<string, SimulatedMachineOptions> = {
  "nothing but the id parts the clones": { hardware: false },
  "the CPU's randomness parts them as well": { hardware: true },
};

for (const strategy of STRATEGIES) {
  for (const [what, options] of Object.entries(MACHINES)) {
    test(`A fork at any port call parts the clones where ${what}, with ${strategy.name}`, () => {
      for (const [when, before] of Object.entries(BEFORE)) {
        for (const [kind, draw] of Object.entries(DRAWS)) {
          for (const unbuffered of [false, true]) {
            const run = program(strategy, before, draw, unbuffered);
            const name = `${kind} ${when}${unbuffered ? ", unbuffered" : ""}`;
            assert.ok(sweep(options, run, name) > 0, name);
          }
        }
      }
    });
  }
}

test("Below memory clones part if the kernel's or the CPU's randomness differs, and not if neither does", () => {
  const parts = (options: SimulatedMachineOptions): boolean => {
    const [a, b] = runInClones(
      2,
      { ...options, obstruction: "no-device" },
      (machine) => {
        const crng = new BaseCrng(machine.ports());
        crng.getRandom(16);
        machine.fork();
        return Object.values(DRAWS).map((draw) => draw(crng));
      },
    );
    const equal = a!.filter((drawn, i) => drawn === b![i]).length;
    assert.ok(equal === 0 || equal === a!.length);
    return equal === 0;
  };
  assert.ok(parts({ kernelReseeds: true, hardwareAlike: true }));
  assert.ok(parts({ kernelReseeds: true, hardware: false }));
  assert.ok(parts({ kernelReseeds: false, hardware: true }));
  assert.ok(!parts({ kernelReseeds: false, hardwareAlike: true }));
  assert.ok(!parts({ kernelReseeds: false, hardware: false }));
});

test("The sweep sees a generator that does not look: the control", () => {
  // The same machine, but the source's answers are kept from the generator.
  const run = (machine: SimulatedMachine): Drawn[] => {
    const ports = machine.ports();
    const crng = new BaseCrng({
      ...ports,
      source: {
        ...ports.source,
        generation: () => Math.min(ports.source.generation(), 1),
        uniqueId: () => 0,
      },
    });
    return Array.from({ length: 4 }, () => {
      const from = machine.calls;
      const out = toHex(crng.getRandom(16));
      return { from, to: machine.calls, out };
    });
  };
  const [a, b] = runInClones(2, { hardware: false, forkAtCall: 8 }, run);
  assert.deepEqual(a!.map(({ out }) => out), b!.map(({ out }) => out));
  assert.throws(() => compare(a!, b!, 8, "control"));
});
