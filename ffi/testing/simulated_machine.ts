import type { CrngPorts } from "../../crng/base_crng.ts";
import { Blake2s, BLAKE2S_HASH_SIZE } from "../../crng/blake2s.ts";
import type {
  Clock,
  EntropySource,
  GenerationSource,
} from "../../crng/ports.ts";
import { type Machine, openMachine } from "../machine.ts";
import type { Shim } from "../shim/shim.ts";
import type { SourceName } from "../sources/mod.ts";
import { simulatedShim } from "./simulated_shim.ts";
import { simulatedDsdt } from "./tables.ts";

/** The physical address of the simulated unique id. */
export const SIMULATED_ADDRESS = 0x1ffff028n;

/** The path of the simulated generation file. */
export const SIMULATED_FILE = "/run/vmfork/generation";

/**
 * What stands between the program and the page, named by the errno the shim meets:
 *
 * - `no-device`: the tables describe none
 * - `not-root`: the tables may not be read
 * - `no-dev-mem`, `dev-mem-denied`: `/dev/mem` is missing, or may not be opened
 * - `page-denied`: the kernel refuses to map the page
 * - `system-ram`: the address lies in System RAM
 * - `other-page`: the kernel's driver has mapped another page
 * - `zero-id`: the hypervisor has not filled the id in
 */
export type Obstruction =
  | "no-device"
  | "not-root"
  | "no-dev-mem"
  | "dev-mem-denied"
  | "page-denied"
  | "system-ram"
  | "other-page"
  | "zero-id";

/** What a simulated machine is like. */
export interface SimulatedMachineOptions {
  /** Two machines with the same seed are the same machine until one of them is forked. @default {0} */
  readonly seed?: number;
  /** Whether the CPU has randomness of its own. @default {true} */
  readonly hardware?: boolean;
  /**
   * Whether the kernel reseeds at the moment of the fork. If not, `getrandom` goes on alike in all
   * clones, as it does on a real machine until the kernel's driver has run. @default {false}
   */
  readonly kernelReseeds?: boolean;
  /** Whether the CPU's randomness goes on alike in all clones, too. @default {false} */
  readonly hardwareAlike?: boolean;
  /**
   * What the machine shows forks by. `acpi-events` is the count of the event that notifies the vmgenid device, so
   * that it takes `vmgenid` beside it. @default {["vmgenid"]}
   */
  readonly sources?: readonly SourceName[];
  /** Whether draws look at `acpi-events` as well. @default {false} */
  readonly eventsAtDraws?: boolean;
  /** The machine is forked just before the shim or clock call of this number, from 1. @default {never} */
  readonly forkAtCall?: number;
  /** The machine is rolled back just before the shim or clock call of this number, from 1. @default {never} */
  readonly rollBackAtCall?: number;
  /** Which clone the machine becomes when it is forked or rolled back. @default {1} */
  readonly clone?: number;
  /** What keeps the program from the page. @default {nothing} */
  readonly obstruction?: Obstruction;
}

/**
 * A machine in memory, for tests of programs that must survive a VM fork: the mocked shim, its ACPI
 * tables, its generation page and other sources, kernel and CPU randomness, and a clock. All of it follows from the seed, so
 * that clones of one machine are made by running the same program again.
 *
 * Its bytes are predictable: never draw keys from it.
 *
 * @example A program that must not reuse an id in two clones
 * ```ts
 * import { BaseCrng } from "@vmfork/crng/crng";
 * import { runInClones } from "@vmfork/crng/testing";
 * import assert from "node:assert/strict";
 *
 * const [a, b] = runInClones(2, {}, (machine) => {
 *   const crng = new BaseCrng(machine.ports());
 *   const before = crng.randomUUID();
 *   machine.fork();
 *   return { before, after: crng.randomUUID() };
 * });
 * assert.equal(a.before, b.before);
 * assert.notEqual(a.after, b.after);
 * ```
 */
export class SimulatedMachine {
  readonly #options: SimulatedMachineOptions;
  readonly #counters = new Map<string, number>();
  #ports: CrngPorts | undefined;
  #clone = 0;
  #forks = 0;
  /** The clone and number of the last rollback; empty without one. */
  #timeline = "";
  #rollbacks = 0;
  #calls = 0;
  #now = 0;

  /**
   * Starts a machine that was never forked.
   *
   * @param options what it is like
   */
  constructor(options: SimulatedMachineOptions = {}) {
    this.#options = options;
  }

  /** How many calls of the shim and the clock there have been. */
  get calls(): number {
    return this.#calls;
  }

  /** How often the machine was forked. */
  get forks(): number {
    return this.#forks;
  }

  /** How often the machine was rolled back. */
  get rollbacks(): number {
    return this.#rollbacks;
  }

  /**
   * Forks the machine: it goes on as the clone of the given number, with an id and CPU randomness that no
   * other clone has. All its sources move.
   *
   * @param clone the clone's number @default {that of the options}
   */
  fork(clone: number = this.#options.clone ?? 1): void {
    this.#forks++;
    this.#clone = clone;
  }

  /**
   * Rolls the machine back to a snapshot that was taken at this moment, as QEMU's `loadvm` does: the id stays, and
   * so the kernel does not reseed and goes on as it did in the earlier timeline. The vmclock's disruption marker
   * and the count of the ACPI event move; CPU randomness is another. What the program itself holds stays: to
   * compare both timelines, run it on two machines with the same seed, and roll one of them back.
   *
   * @param clone the number of this timeline @default {that of the options}
   *
   * @example A nonce that a rollback must not repeat
   * ```ts
   * import { BaseCrng } from "@vmfork/crng/crng";
   * import { SimulatedMachine } from "@vmfork/crng/testing";
   * import assert from "node:assert/strict";
   *
   * const [earlier, later] = [false, true].map((rolledBack) => {
   *   const machine = new SimulatedMachine({ sources: ["vmgenid", "vmclock"] });
   *   const crng = new BaseCrng(machine.ports());
   *   crng.getRandom(12);
   *   if (rolledBack) machine.rollBack();
   *   return crng.getRandom(12).join();
   * });
   * assert.notEqual(earlier, later);
   * ```
   */
  rollBack(clone: number = this.#options.clone ?? 1): void {
    this.#rollbacks++;
    this.#timeline = ` rolled back ${clone} ${this.#rollbacks}`;
  }

  /**
   * Moves the clock.
   *
   * @param ms by how many milliseconds
   */
  tick(ms: number): void {
    this.#now += ms;
  }

  /** Opens the machine as a program would, through the simulated shim. */
  open(): Machine {
    return openMachine({
      eventsAtDraws: this.#options.eventsAtDraws,
      generationFile: this.has("generation-file")
        ? { path: SIMULATED_FILE, format: "text" }
        : undefined,
    }, { shim: this.shim(), clock: this.clock });
  }

  /**
   * The ports of a generator on this machine.
   *
   * @throws {Error} If the machine has none
   */
  ports(): CrngPorts {
    const { ports } = this.open();
    if (ports === undefined) {
      throw new Error("The simulated machine has no ports");
    }
    return ports;
  }

  /** Its clock. */
  get clock(): Clock {
    return {
      now: () => {
        this.step();
        return this.#now;
      },
    };
  }

  /** Its generation source, for `configure({ source, entropy })`. */
  get source(): GenerationSource {
    return this.#own().source;
  }

  /** Its entropy, for `configure({ source, entropy })`. */
  get entropy(): EntropySource {
    return this.#own().entropy;
  }

  /** One pair of ports for both getters, as they belong to one process. */
  #own(): CrngPorts {
    return this.#ports ??= this.ports();
  }

  /** Its shim. */
  shim(): Shim {
    return simulatedShim(this);
  }

  /** What keeps the program from the page. */
  get obstruction(): Obstruction | undefined {
    return this.#options.obstruction;
  }

  /** Whether the CPU has randomness of its own. */
  get hardware(): boolean {
    return this.#options.hardware ?? true;
  }

  /** Whether it shows forks by this source. */
  has(source: SourceName): boolean {
    return (this.#options.sources ?? ["vmgenid"]).includes(source);
  }

  /** Its DSDT. */
  dsdt(): Uint8Array<ArrayBuffer> {
    return simulatedDsdt(SIMULATED_ADDRESS);
  }

  /** The unique id that its page shows now. */
  uniqueId(): Uint8Array<ArrayBuffer> {
    if (this.obstruction === "zero-id") return new Uint8Array(16);
    return this.#hash(`id ${this.#clone} ${this.#forks}`).slice(0, 16);
  }

  /** The vmclock's disruption marker: it moves at each fork and each rollback, and is alike in all clones. */
  get disruptionMarker(): number {
    return this.#forks + this.#rollbacks;
  }

  /** How often the ACPI event was raised: at each fork and each rollback. */
  get events(): number {
    return this.#forks + this.#rollbacks;
  }

  /** The counter in the generation file, which a platform moves when it has cloned the machine. */
  get fileCounter(): number {
    return this.#forks;
  }

  /** Kernel randomness. */
  getrandom(into: Uint8Array): void {
    const line = this.#options.kernelReseeds ? this.#clone : 0;
    this.#stream(`getrandom ${line}`, into);
  }

  /** CPU randomness, zeros without it. */
  hardwareRandom(into: Uint8Array): void {
    const line = this.#options.hardwareAlike
      ? 0
      : `${this.#clone}${this.#timeline}`;
    if (this.hardware) this.#stream(`hardware ${line}`, into);
    else into.fill(0);
  }

  /** Counts a call, and forks the machine or rolls it back where the options say so. */
  step(): void {
    this.#calls++;
    if (this.#calls === this.#options.forkAtCall) this.fork();
    if (this.#calls === this.#options.rollBackAtCall) this.rollBack();
  }

  #stream(name: string, into: Uint8Array): void {
    for (let done = 0; done < into.length; done += BLAKE2S_HASH_SIZE) {
      // One counter for all clones: how often was asked does not depend on who one is.
      const counter = this.#counters.get("calls") ?? 0;
      this.#counters.set("calls", counter + 1);
      const block = this.#hash(`${name} ${counter}`);
      into.set(block.subarray(0, into.length - done), done);
    }
  }

  #hash(label: string): Uint8Array<ArrayBuffer> {
    const digest = new Uint8Array(BLAKE2S_HASH_SIZE);
    const hash = new Blake2s();
    hash.update(
      new TextEncoder().encode(`${this.#options.seed ?? 0} ${label}`),
    );
    hash.digestInto(digest);
    return digest;
  }
}

/**
 * Runs a program in several clones of one machine. All clones are the same machine, byte for byte, up to
 * the fork: `machine.fork()` in the program, or the call that `forkAtCall` names. A rollback parts them likewise:
 * each is a timeline of its own after it, all with the same id.
 *
 * @param count how many clones
 * @param options what the machine is like
 * @param program the program; it must do the same each time it is run
 * @returns what each clone's run returned
 * @example
 * ```ts
 * import { BaseCrng } from "@vmfork/crng/crng";
 * import { runInClones } from "@vmfork/crng/testing";
 *
 * const keys = runInClones(3, { forkAtCall: 1 }, (machine) => {
 *   return new BaseCrng(machine.ports()).getRandom(32).join();
 * });
 * if (new Set(keys).size !== 3) throw new Error("unreachable");
 * ```
 */
export function runInClones<T>(
  count: number,
  options: Omit<SimulatedMachineOptions, "clone">,
  program: (machine: SimulatedMachine) => T,
): T[] {
  return Array.from(
    { length: count },
    (_, i) => program(new SimulatedMachine({ ...options, clone: i + 1 })),
  );
}
