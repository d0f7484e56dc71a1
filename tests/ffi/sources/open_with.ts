import {
  type Machine,
  type MachineOptions,
  openMachine,
} from "../../../ffi/mod.ts";
import type { NotReached } from "../../../ffi/mod.ts";
import {
  SimulatedMachine,
  type SimulatedMachineOptions,
} from "../../../ffi/testing/mod.ts";
import type { Shim, ShimSymbols } from "../../../ffi/shim/shim.ts";

/** What a test says of the machine beside its shim. */
export interface Conditions extends SimulatedMachineOptions {
  /** Functions of the shim to replace. */
  readonly replace?: Partial<ShimSymbols>;
  /** Whether it maps pages as ordinary memory. */
  readonly cachedPages?: boolean;
}

/** The shim of a simulated machine. */
export function shimWith(
  { replace = {}, cachedPages = true, ...options }: Conditions = {},
): Shim {
  const shim = new SimulatedMachine(options).shim();
  const symbols = { ...shim.symbols, ...replace };
  return { ...shim, cachedPages, symbols };
}

/** Opens a simulated machine. */
export function openWith(
  conditions: Conditions = {},
  options: MachineOptions = {},
): Machine {
  return openMachine(options, { shim: shimWith(conditions) });
}

/** The names of the sources in use. */
export function namesOf({ protection }: Machine): string[] {
  return protection.sources.map(({ name }) => name);
}

/** Why the level is not `memory`, each obstacle with its remedy. */
export function obstaclesOf({ protection }: Machine): string[] {
  return protection.notReached
    .filter(({ level }) => level === "memory")
    .map(({ reason, remedy }: NotReached) => `${reason}; ${remedy}`);
}

/** A `vmfork_read_table` that knows these tables, and counts how often it was asked for each. */
export function tables(
  contents: Readonly<Record<string, Uint8Array>>,
): {
  readonly read: ShimSymbols["vmfork_read_table"];
  readonly asked: Map<string, number>;
} {
  const asked = new Map<string, number>();
  const ENOENT = 2;
  return {
    asked,
    read: (cName, into) => {
      const name = new TextDecoder().decode(cName).replace("\0", "");
      asked.set(name, (asked.get(name) ?? 0) + 1);
      const content = contents[name];
      if (content === undefined) return -ENOENT;
      into.set(content);
      return content.length;
    },
  };
}
