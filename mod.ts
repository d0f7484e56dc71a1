/**
 * Random numbers that stay unique when a virtual machine is cloned, restored from a snapshot or rolled
 * back.
 *
 * Nothing happens at import, and no permission is ever asked for. The first draw opens the machine at the
 * best level that the granted flags allow; {@linkcode protection} says which and why. Where bytes of our
 * own cannot be had, a draw throws a {@linkcode ProtectionError} that names what is missing; it never
 * falls back to `crypto.getRandomValues()`.
 *
 * | feature | flag of `deno run` | without it |
 * |---|---|---|
 * | the shim, installed as FILE | `--allow-ffi=FILE --allow-read=FILE` | level `kernel` or none |
 * | the shim from memory, nothing installed | `--allow-ffi` | level `kernel` or none |
 * | `/dev/urandom` when there is no shim | `--allow-read=/dev/urandom` | none: draws throw |
 *
 * In Node nothing is to be installed: the npm package holds the shim as a file. Where Node's permission model
 * is on, it takes `--allow-addons`.
 *
 * @example
 * ```ts
 * import { getRandom, protection, randomUUID } from "@vmfork/crng";
 *
 * console.log(protection().level);
 * const key = getRandom(32);
 * console.log(key.length, randomUUID());
 * ```
 *
 * @module
 */

import { checkLength, largestOffset } from "./crng/arguments.ts";
import { BaseCrng, type CrngPorts } from "./crng/base_crng.ts";
import { ProtectionError } from "./crng/errors.ts";
import { type ForkGuard, runGuarded } from "./crng/fork_guard.ts";
import type { EntropySource, GenerationSource } from "./crng/ports.ts";
import {
  injection,
  inputPool,
  requireId,
  type ReseedStrategy,
} from "./crng/strategy.ts";
import type { Uuid } from "./crng/uuid.ts";
import {
  bytesOfIntegers,
  bytesOfSource,
  type IntegerView,
} from "./crng/views.ts";
import type { Machine } from "./ffi/machine.ts";
import {
  type Protection,
  PROTECTION_LEVELS,
  type ProtectionLevel,
  reaches,
} from "./ffi/protection.ts";
import type { Lease } from "./ffi/realm.ts";
import { isGenerationFile } from "./ffi/sources/generation_file.ts";
import type {
  GenerationFile,
  InheritedClock,
  InheritedMemory,
} from "./ffi/sources/mod.ts";
import { thisRealm as realm } from "./ffi/this_realm.ts";

export {
  ProtectionError,
  type ProtectionErrorCode,
  type Remedy,
} from "./crng/errors.ts";
export { ForkGuard, type GuardDoubt } from "./crng/fork_guard.ts";
export type { WatchOptions } from "./crng/fork_watcher.ts";
export type { VmForkEvent, VmForkListener } from "./crng/listeners.ts";
export type { EntropySource, GenerationSource } from "./crng/ports.ts";
export type { Uuid } from "./crng/uuid.ts";
export type { IntegerView } from "./crng/views.ts";
export { AcpiError } from "./ffi/acpi/mod.ts";
export type {
  Confirmation,
  NotReached,
  Protection,
  ProtectionDevice,
  ProtectionLevel,
  ProtectionSource,
} from "./ffi/protection.ts";
export type { QuiesceHook } from "./ffi/hooks.ts";
export {
  onQuiesce,
  onResume,
  quiesce,
  type Quiesced,
  type QuiesceOptions,
  resume,
} from "./ffi/quiescing.ts";
export { type ForkWatch, onVmFork, watchForks } from "./ffi/watching.ts";
export { ShimError } from "./ffi/shim/shim.ts";
export type {
  GenerationFile,
  InheritedClock,
  InheritedMemory,
} from "./ffi/sources/mod.ts";

/** The ways to reseed after a fork, by the names of the Linux discussion of 2022. */
export type StrategyName = "input-pool" | "injection";

/** What one generator does. */
export interface CrngOptions {
  /**
   * How to take a new key after a fork. After `"injection"`, whoever knows the snapshot and the new id
   * predicts the next second. @default {"input-pool"}
   */
  readonly strategy?: StrategyName;
  /** Below this level draws throw. @default {"kernel"} */
  readonly require?: Exclude<ProtectionLevel, "none">;
}

/** What {@linkcode configure} sets for the realm. */
export interface ConfigureOptions extends CrngOptions {
  /**
   * The path of the shim that `./install` has written. @default {`VMFORK_SHIM` if env is granted, then the
   * npm package's own, then `/usr/local/lib/vmfork` and `/usr/lib/vmfork`}
   */
  readonly shim?: string;
  /**
   * A generation source that the program vouches for, and which is then the only one, or a descriptor of
   * `/dev/mem` or `/dev/vmclock0` that a privileged parent has passed on, or both in one object.
   * @default {what this machine has}
   */
  readonly source?: GenerationSource | InheritedMemory | InheritedClock;
  /**
   * A counter that the platform keeps in a file and moves at each fork, looked at beside what the machine has, at
   * each draw: the shim opens, reads and closes the file. The platform writes it after the resume, so that it
   * never makes the level `memory`. Once it cannot be read, draws throw. One file serves all Workers, and it must
   * be named before the first draw of the process. @default {none}
   */
  readonly generationFile?: GenerationFile;
  /**
   * Whether draws look at the kernel's count of the ACPI event that notifies the device, too: it moves also where
   * a rollback keeps the id. What was drawn between the resume and the event repeats all the same. Each look
   * reads a file: microseconds for a GPE, near a tenth of a millisecond for a Generic Event Device, whose count
   * moves for its other devices as well. Without it only listeners, guards and waits look there, and at a
   * vmclock's event nobody does where its page is mapped: it comes for live migrations too. There this must be
   * named before the first draw of the process.
   * @default {false}
   */
  readonly eventsAtDraws?: boolean;
  /**
   * Entropy in place of the kernel's, for tests on a simulated machine: it takes a timely source with an id
   * beside it. @default {the machine's}
   */
  readonly entropy?: EntropySource;
}

const STRATEGIES: Readonly<Record<StrategyName, ReseedStrategy>> = {
  "input-pool": inputPool,
  "injection": injection,
};

/** What each option takes; there are no others. */
type Checks<T> = {
  readonly [Name in keyof T]-?: (value: Exclude<T[Name], undefined>) => boolean;
};

const CRNG_OPTIONS: Checks<CrngOptions> = {
  strategy: (name) => Object.hasOwn(STRATEGIES, name),
  require: (level) =>
    PROTECTION_LEVELS.includes(level) && String(level) !== "none",
};

const CONFIGURE_OPTIONS: Checks<ConfigureOptions> = {
  ...CRNG_OPTIONS,
  shim: (path) => typeof path === "string",
  source: isSourceOption,
  generationFile: isGenerationFile,
  eventsAtDraws: (looks) => typeof looks === "boolean",
  entropy: isEntropy,
};

let defaults: CrngOptions = {};
let standard: Crng | undefined;

/**
 * A generator of one's own, on this realm's machine. Each Worker is a realm and has its own.
 *
 * @example
 * ```ts
 * import { Crng } from "@vmfork/crng";
 *
 * using crng = new Crng({ require: "kernel" });
 * console.log(crng.protection.level, crng.randomInt(1, 7));
 * ```
 */
export class Crng extends BaseCrng {
  /** The level of this generator's draws, and why it is not higher. */
  readonly protection: Protection;
  readonly #release: () => void;

  /**
   * Opens the machine if it is not open yet; the first draw seeds.
   *
   * @param options what differs from what {@linkcode configure} has set
   * @throws {TypeError} If an option or its value is unknown, or the strategy needs an id and there is none
   * @throws {ProtectionError} If the level is lower than required
   */
  constructor(options: CrngOptions = {}) {
    const { machine, ports, keep, release } = leaseFor(options);
    super(ports);
    this.protection = machine.protection;
    this.#release = release;
    keep(this);
  }

  /** Wipes all state and gives the machine back. Draws throw from now on; a second call does nothing. */
  override close(): void {
    super.close();
    if (standard === this) {
      standard = undefined;
      realm.watcher.follow(undefined);
    }
    this.#release();
  }
}

/**
 * This realm's default generator, which the functions of this module draw from. Closing it gives
 * everything back, for tests with resource sanitizers; the next draw opens a new one.
 *
 * @returns the generator, opened if it is not open yet
 * @throws {ProtectionError} If bytes of our own cannot be had
 * @example
 * ```ts
 * import { defaultCrng, getRandom } from "@vmfork/crng";
 *
 * using _closed = defaultCrng();
 * console.log(getRandom(32).length);
 * ```
 */
export function defaultCrng(): Crng {
  return standard ??= openDefault();
}

/** The default generator for a first call, unless its arguments are wrong: then nothing is opened. */
function openFor<Arguments extends unknown[]>(
  check: (...these: Arguments) => unknown,
  ...these: Arguments
): Crng {
  check(...these);
  return defaultCrng();
}

/** Whoever listens to the realm's forks learns of those that its draws find, and after it has reseeded. */
function openDefault(): Crng {
  const crng = new Crng();
  crng.onVmFork((event) => {
    // Once it is closed, looks find what the machine shows, but not what only the program knows.
    if (standard !== crng && event.source !== "notifyFork") return;
    realm.watcher.relay(event);
  });
  realm.watcher.follow(() => crng.check());
  return crng;
}

/**
 * Draws bytes that no other clone of this machine draws.
 *
 * @param length how many, from 0 to 2^31 - 1
 * @returns a new array of that many bytes
 * @throws {RangeError} If `length` is not an integer in that range
 * @throws {ProtectionError} If bytes of our own cannot be had; nothing weaker is returned
 * @example
 * ```ts
 * import { getRandom } from "@vmfork/crng";
 *
 * const nonce = getRandom(24);
 * ```
 */
export function getRandom(length: number): Uint8Array<ArrayBuffer> {
  return (standard ?? openFor(checkLength, length)).getRandom(length);
}

/**
 * Fills an integer array: Web Crypto's contract, without its limit of 65,536 bytes.
 *
 * @param view the integer array to fill
 * @returns the same array
 * @throws {TypeError} If it is not an integer array
 * @throws {ProtectionError} If bytes of our own cannot be had; the view is then wiped
 * @example
 * ```ts
 * import { getRandomValues } from "@vmfork/crng";
 *
 * const [word] = getRandomValues(new Uint32Array(1));
 * ```
 */
export function getRandomValues<T extends IntegerView>(view: T): T {
  return (standard ?? openFor(bytesOfIntegers, view)).getRandomValues(view);
}

/**
 * Draws a version 4 UUID (RFC 9562 section 5.4).
 *
 * @returns its text, in lower case
 * @throws {ProtectionError} If bytes of our own cannot be had
 * @example
 * ```ts
 * import { randomUUID } from "@vmfork/crng";
 *
 * const id = randomUUID();
 * ```
 */
export function randomUUID(): Uuid {
  return (standard ?? defaultCrng()).randomUUID();
}

/**
 * Draws an integer from `min` up to but not including `max`, each equally likely.
 *
 * @param min the smallest result, a safe integer
 * @param max one more than the largest result, at most `min + 2^53`
 * @returns the integer
 * @throws {TypeError} If they are not integers in the safe range
 * @throws {RangeError} If the range is empty or larger than 2^53
 * @throws {ProtectionError} If bytes of our own cannot be had
 * @example
 * ```ts
 * import { randomInt } from "@vmfork/crng";
 *
 * const die = randomInt(1, 7);
 * ```
 */
export function randomInt(min: number, max: number): number {
  return (standard ?? openFor(largestOffset, min, max)).randomInt(min, max);
}

/**
 * Draws an integer from 0 to 2^32 - 1.
 *
 * @returns the integer
 * @throws {ProtectionError} If bytes of our own cannot be had
 * @example
 * ```ts
 * import { randomUint32 } from "@vmfork/crng";
 *
 * const word = randomUint32();
 * ```
 */
export function randomUint32(): number {
  return (standard ?? defaultCrng()).randomUint32();
}

/**
 * Says how well draws are protected and, for each higher level, why it is not reached and what would
 * reach it. Opens the machine if it is not open yet; draws nothing.
 *
 * @returns the report; level `none` where draws would throw
 * @throws {ProtectionError} If a shim or descriptor that was named cannot be used
 * @example
 * ```ts
 * import { protection } from "@vmfork/crng";
 *
 * for (const { level, reason, remedy } of protection().notReached) {
 *   console.log(`${level}: ${reason}; it takes ${remedy}`);
 * }
 * ```
 */
export function protection(): Protection {
  try {
    return defaultCrng().protection;
  } catch (error) {
    if (!(error instanceof ProtectionError)) throw error;
  }
  // Too low to draw from: the report says why.
  const { machine, release } = realm.lease();
  release();
  return machine.protection;
}

/**
 * Tells the default generator that the machine was forked: the manual door for platforms that call a hook
 * after resume and have no generation page.
 *
 * @param extra bytes that only this clone has, if the platform gives any; they are not credited
 * @throws {TypeError} If `extra` is no buffer or view
 * @throws {ProtectionError} If fresh input cannot be had; draws then try again
 * @example
 * ```ts
 * import { notifyFork } from "@vmfork/crng";
 *
 * function afterRestore(cloneName: string): void {
 *   notifyFork(new TextEncoder().encode(cloneName));
 * }
 * afterRestore("clone-17");
 * ```
 */
export function notifyFork(extra?: ArrayBuffer | ArrayBufferView): void {
  if (extra !== undefined) bytesOfSource(extra); // a wrong argument opens nothing
  defaultCrng().notifyFork(extra);
}

/**
 * Makes a guard for values that are made from now on, to be asked at the moment of their use: a nonce about to
 * be sent, a session key, a lease. A question is one look: some nanoseconds, or the read of a file where the
 * count of an ACPI event is looked at. It holds until the default generator is closed or configured anew; from then on, as
 * after `notifyFork()`, a quiesce, or while the source cannot answer, it says that the machine was forked.
 *
 * What has already left the machine cannot be called back.
 *
 * @returns the guard
 * @throws {ProtectionError} If no source shows forks here (`level-unavailable`), or it cannot answer now
 * @example
 * ```ts
 * import { configure, forkGuard, getRandom } from "@vmfork/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const machine = new SimulatedMachine();
 * configure({ source: machine.source, entropy: machine.entropy });
 * const guard = forkGuard(); // first the guard, then the value
 * const nonce = getRandom(24);
 * machine.fork();
 * if (guard.forked) nonce.fill(0); // and make another one
 * configure();
 * ```
 */
export function forkGuard(): ForkGuard {
  return defaultCrng().forkGuard();
}

/**
 * Runs a function, and once more if a fork fell inside it, up to eight times. After a synchronous one nothing
 * stands between the last look and the return; of an asynchronous one the promise is looked at when it settles.
 * It must bear being run again. What it throws is passed on, unless a fork fell inside.
 *
 * @typeParam T what it returns, which may be a promise
 * @param fn what to run, with a guard that was made just before
 * @returns what it has returned
 * @throws {TypeError} If it is not a function
 * @throws {ProtectionError} If a fork fell into all eight runs (`generation-unstable`), or no guard can be made
 * @example
 * ```ts
 * import { configure, getRandom, randomUUID, withForkGuard } from "@vmfork/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const { source, entropy } = new SimulatedMachine();
 * configure({ source, entropy });
 * const session = withForkGuard(() => ({ id: randomUUID(), key: getRandom(32) }));
 * console.log(session.id.length);
 * configure();
 * ```
 */
export function withForkGuard<T>(fn: (guard: ForkGuard) => T): T {
  if (typeof fn !== "function") {
    throw new TypeError("Cannot guard as there is no function to run");
  }
  return runGuarded(forkGuard, fn);
}

/**
 * Sets what the default generator and every later {@linkcode Crng} of this realm use. Opens the machine at
 * once, so that a level that cannot be had shows here; draws then throw the same until it succeeds. The
 * default generator's state is wiped and the next draw reseeds. A `Crng` made before keeps what it has.
 *
 * @param options what to use; what is left out, `require` too, goes back to its default
 * @throws {TypeError} If an option or its value is unknown, or the strategy needs an id and there is none
 * @throws {ProtectionError} If the level is lower than required, or something named cannot be used
 * @example
 * ```ts
 * import { configure, getRandom, ProtectionError } from "@vmfork/crng";
 *
 * try {
 *   configure({ require: "memory" });
 *   getRandom(32);
 * } catch (error) {
 *   if (!(error instanceof ProtectionError)) throw error;
 *   console.log(error.remedy, error.message);
 * }
 * configure();
 * ```
 */
export function configure(options: ConfigureOptions = {}): void {
  checkOptions(options, CONFIGURE_OPTIONS);
  const before = { defaults, standard, machine: realm.options };
  const { shim, source, entropy, generationFile, eventsAtDraws, ...rest } =
    options;
  realm.configure({ shim, source, entropy, generationFile, eventsAtDraws });
  defaults = rest;
  standard = undefined;
  try {
    defaultCrng();
  } catch (error) {
    if (error instanceof TypeError) {
      // A wrong argument changes nothing.
      realm.configure(before.machine);
      ({ defaults, standard } = before);
      throw error;
    }
    before.standard?.close();
    throw error; // and every draw throws the same, until configure() succeeds
  }
  before.standard?.close();
  realm.watcher.reopen();
}

/** The realm's machine for one generator, given back if it does not suit. */
function leaseFor(
  options: CrngOptions,
): Omit<Lease, "ports"> & { ports: CrngPorts } {
  checkOptions(options, CRNG_OPTIONS);
  const strategy = options.strategy ?? defaults.strategy ?? "input-pool";
  const require = options.require ?? defaults.require ?? "kernel";
  const lease = realm.lease();
  try {
    const ports = {
      ...requireLevel(lease.machine, require),
      ...lease.ports,
      strategy: STRATEGIES[strategy],
    };
    requireId(
      ports.strategy,
      ports.source.name,
      ports.source.uniqueId(new Uint8Array(16)),
    );
    return { ...lease, ports };
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** Arguments are looked at before anything changes. */
function checkOptions<T extends object>(options: T, known: Checks<T>): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Cannot use the option "${name}" as there is none of that name`,
    );
  }
  for (const name of Object.keys(known) as (keyof T & string)[]) {
    const value = options[name] as Exclude<T[typeof name], undefined>;
    if (value !== undefined && !known[name](value)) throw invalid(name, value);
  }
}

function isEntropy(entropy: EntropySource): boolean {
  return typeof entropy === "object" && entropy !== null &&
    typeof entropy.fill === "function" && typeof entropy.nonce === "function";
}

function isSourceOption(
  source: NonNullable<ConfigureOptions["source"]>,
): boolean {
  if (typeof source !== "object" || source === null) return false;
  if ("generation" in source) return typeof source.generation === "function";
  const inherited = source as Partial<InheritedMemory & InheritedClock>;
  const checks = [
    ..."descriptor" in source ? [isInheritedMemory(inherited)] : [],
    ..."vmclock" in source ? [isDescriptor(inherited.vmclock)] : [],
  ];
  return checks.length > 0 && checks.every(Boolean);
}

function isInheritedMemory(
  { descriptor, address, notifiedBy }: Partial<InheritedMemory>,
): boolean {
  return isDescriptor(descriptor) &&
    typeof address === "bigint" && address > 0n &&
    (notifiedBy === undefined || typeof notifiedBy === "string");
}

function isDescriptor(descriptor: number | undefined): boolean {
  return Number.isSafeInteger(descriptor) && descriptor! >= 0;
}

function invalid(option: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot use the option "${option}" as its value is not one of those it takes: current value is ${
      typeof value === "string" ? `"${value}"` : typeof value
    }`,
  );
}

/**
 * @throws {ProtectionError} If the machine does not reach the level; the message names what is missing
 */
function requireLevel(machine: Machine, wanted: ProtectionLevel): CrngPorts {
  const { ports, protection } = machine;
  if (ports !== undefined && reaches(protection.level, wanted)) return ports;
  // Levels with the same obstacle are named together.
  const missing = new Map<string, string[]>();
  for (const { level, reason, remedy } of protection.notReached) {
    if (!reaches(level, wanted)) continue;
    const obstacle = `${reason}; it takes ${remedy}`;
    missing.set(obstacle, [...missing.get(obstacle) ?? [], level]);
  }
  const list = [...missing].map(([obstacle, levels]) =>
    `${levels.join(" and ")}: ${obstacle}`
  );
  throw new ProtectionError(
    ports === undefined ? "permission-denied" : "level-unavailable",
    `Cannot draw as the level is "${protection.level}" and "${wanted}" is required. ${
      list.join(". ")
    }`,
  );
}
