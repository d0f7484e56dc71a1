/**
 * Everything that touches the machine: the C shim and its loader, the ACPI and device tree readers, generation sources
 * and entropy, and the choice of the best protection level that the program's rights allow.
 *
 * | feature | flag of `deno run` | without it |
 * |---|---|---|
 * | the shim, installed as FILE | `--allow-ffi=FILE --allow-read=FILE` | level `kernel` or none |
 * | the shim from memory, nothing installed | `--allow-ffi` | level `kernel` or none |
 * | `/dev/urandom` when there is no shim | `--allow-read=/dev/urandom` | none: draws throw |
 *
 * @example What this machine offers
 * ```ts
 * import { openMachine } from "@vmfork/crng/ffi";
 *
 * const machine = openMachine();
 * console.log(machine.protection.level, machine.protection.notReached);
 * machine.close();
 * ```
 *
 * @module
 */

export * from "./acpi/mod.ts";
export * from "./devicetree/mod.ts";
export {
  type Machine,
  type MachineOptions,
  type MachineParts,
  openMachine,
} from "./machine.ts";
export {
  type Confirmation,
  type NotReached,
  type Protection,
  PROTECTION_LEVELS,
  type ProtectionDevice,
  type ProtectionLevel,
  type ProtectionSource,
} from "./protection.ts";
export type { EntropySource, GenerationSource } from "../crng/ports.ts";
export {
  flagsFor,
  loadShim,
  type NoShim,
  SHIM_FOLDERS,
  SHIM_VARIABLE,
} from "./shim/load.ts";
export { type Shim, ShimError, type ShimSymbols } from "./shim/shim.ts";
export type {
  GenerationFile,
  InheritedClock,
  InheritedMemory,
  Look,
  NoSource,
  SourceName,
} from "./sources/mod.ts";
