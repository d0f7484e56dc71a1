import type { Timer } from "../../crng/mod.ts";
import { BaseCrng } from "../../crng/mod.ts";
import { type MachineOptions, openMachine } from "../../ffi/mod.ts";
import { type Lease, Realm } from "../../ffi/realm.ts";
import type { Shim } from "../../ffi/shim/shim.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";

/** A realm whose heartbeat a test drives by hand. */
export interface HandRealm {
  readonly realm: Realm;
  /** Whether it has a heartbeat. */
  beats(): boolean;
  /** One heartbeat. */
  tick(): void;
  /** A generator that the realm knows of. */
  generator(): { crng: BaseCrng; lease: Lease };
}

/** Realms of one simulated process. */
export class Process {
  readonly machine: SimulatedMachine;
  readonly shim: Shim;

  constructor(machine: SimulatedMachine = new SimulatedMachine()) {
    this.machine = machine;
    this.shim = machine.shim();
  }

  /** A realm on this process's shim. */
  realm(shim: Shim = this.shim): HandRealm {
    const { clock } = this.machine;
    return handRealm((options) => openMachine(options, { shim, clock }));
  }
}

/** A realm on machines that the caller opens. */
export function handRealm(
  open: (options: MachineOptions) => ReturnType<typeof openMachine>,
): HandRealm {
  const ticks = new Set<() => void>();
  const timer: Timer = {
    every: (_, tick) => {
      ticks.add(tick);
      return () => void ticks.delete(tick);
    },
    pause: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener("abort", done);
      }),
  };
  const realm = new Realm((options = {}) => open(options), timer);
  return {
    realm,
    beats: () => ticks.size > 0,
    tick: () => ticks.forEach((tick) => tick()),
    generator: () => {
      const lease = realm.lease();
      const crng = new BaseCrng(lease.ports!);
      lease.keep(crng);
      return { crng, lease };
    },
  };
}
