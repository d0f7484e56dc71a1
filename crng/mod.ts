/**
 * The generator in pure TypeScript: no platform API, no dependency. It works on ports (interfaces) that
 * `@vmfork/crng/ffi` implements for a real machine and `@vmfork/crng/testing` for a simulated one.
 *
 * @example
 * ```ts
 * import { BaseCrng, injection } from "@vmfork/crng/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const machine = new SimulatedMachine();
 * using crng = new BaseCrng({ ...machine.ports(), strategy: injection });
 * console.log(crng.randomInt(1, 7));
 * ```
 *
 * @module
 */

export { BaseCrng, type CrngPorts } from "./base_crng.ts";
export { Blake2s, BLAKE2S_HASH_SIZE, BLAKE2S_SIZE } from "./blake2s.ts";
export {
  chacha20Blocks,
  CHACHA_BLOCK_SIZE,
  CHACHA_CONSTANTS,
  CHACHA_KEY_SIZE,
} from "./chacha20.ts";
export {
  ProtectionError,
  type ProtectionErrorCode,
  type Remedy,
} from "./errors.ts";
export { ForkGuard, type GuardDoubt, runGuarded } from "./fork_guard.ts";
export {
  ForkWatcher,
  type WatchedPorts,
  type WatchOptions,
} from "./fork_watcher.ts";
export { INPUT_POOL_SIZE, InputPool } from "./input_pool.ts";
export { KEY_STREAM_SIZE, KeyStream } from "./key_stream.ts";
export type { VmForkEvent, VmForkListener } from "./listeners.ts";
export {
  type Clock,
  type EntropySource,
  type GenerationSource,
  SEED_LENGTH,
  type Timer,
} from "./ports.ts";
export {
  CRNG_RESEED_INTERVAL,
  CRNG_RESEED_START_INTERVAL,
  nextReseed,
} from "./schedule.ts";
export { Secrets } from "./secrets.ts";
export {
  injection,
  inputPool,
  type ReseedInput,
  type ReseedOccasion,
  type ReseedStrategy,
} from "./strategy.ts";
export type { Uuid } from "./uuid.ts";
export type { IntegerView } from "./views.ts";
