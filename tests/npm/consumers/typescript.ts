// What a program in TypeScript uses: compiled under --strict, with this package's types alone, and never run.
import {
  configure,
  Crng,
  getRandom,
  getRandomValues,
  notifyFork,
  type Protection,
  protection,
  ProtectionError,
  randomUUID,
} from "@vmfork/crng";
import { BaseCrng } from "@vmfork/crng/crng";
import { findVmGenId, openMachine, ShimError } from "@vmfork/crng/ffi";
import { install } from "@vmfork/crng/install";
import { runInClones, SimulatedMachine } from "@vmfork/crng/testing";

export const report: Protection = protection();
export const bytes: Uint8Array<ArrayBuffer> = getRandom(32);
export const words: Uint32Array = getRandomValues(new Uint32Array(4));
export const id: `${string}-${string}-${string}-${string}-${string}` =
  randomUUID();
export const machine: SimulatedMachine = new SimulatedMachine();
export const crng: BaseCrng = new BaseCrng(machine.ports());
export const others: unknown[] = [
  findVmGenId,
  install,
  openMachine,
  ProtectionError,
  runInClones,
  ShimError,
];

configure({ source: machine.source, entropy: machine.entropy });
notifyFork(new Uint16Array(2));
new Crng({ strategy: "injection" })[Symbol.dispose]();
crng.onVmFork(({ after }) => after.toFixed());

// @ts-expect-error: there is no such strategy
new Crng({ strategy: "best" });
// @ts-expect-error: only integers are drawn
getRandomValues(new Float32Array(1));
