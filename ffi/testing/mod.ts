/**
 * A simulated machine that can be forked: the mocked shim of this project's own tests, for tests of
 * programs that must survive a VM fork. It needs no permission.
 *
 * @example
 * ```ts
 * import { configure, randomUUID } from "@vmfork/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const machine = new SimulatedMachine();
 * configure({ source: machine.source, entropy: machine.entropy });
 * const before = randomUUID();
 * machine.fork();
 * if (randomUUID() === before) throw new Error("unreachable");
 * configure();
 * ```
 *
 * @module
 */

export {
  type Obstruction,
  runInClones,
  SIMULATED_ADDRESS,
  SIMULATED_FILE,
  SimulatedMachine,
  type SimulatedMachineOptions,
} from "./simulated_machine.ts";
export type { SourceName } from "../sources/mod.ts";
