import type { CrngPorts } from "../crng/base_crng.ts";
import { ProtectionError } from "../crng/errors.ts";
import { ForkWatcher, type WatchedPorts } from "../crng/fork_watcher.ts";
import type { Clock, GenerationSource, Timer } from "../crng/ports.ts";
import { Secrets } from "../crng/secrets.ts";
import { type Gate, LocalGate, ShimGate } from "./gate.ts";
import type { QuiesceHook } from "./hooks.ts";
import { type Machine, type MachineOptions, openMachine } from "./machine.ts";
import { type Kept, type QuiesceOutcome, Quiescer } from "./quiescer.ts";
import { thisRuntime } from "./runtime/mod.ts";
import { isSource } from "./sources/choose.ts";
import { GatedSource } from "./sources/gated_source.ts";
import type { Look } from "./sources/mod.ts";
import { noSource } from "./sources/no_source.ts";
import { ShimSource } from "./sources/shim_source.ts";

/**
 * How often a realm looks whether it is to wipe its secrets, and for forks if someone listens, in milliseconds.
 * A channel between Workers would be faster, but a BroadcastChannel keeps a Deno process alive.
 */
const HEARTBEAT_MS = 100;

/** What makes another machine. */
const OPTIONS = [
  "shim",
  "source",
  "entropy",
  "generationFile",
  "eventsAtDraws",
] as const satisfies readonly (keyof MachineOptions)[];

/** For a machine without ports. */
const performanceClock: Clock = { now: () => performance.now() };

/** The use of a machine; the last release closes it. */
export interface Lease {
  readonly machine: Machine;
  /** The machine's ports for one generator; undefined at level `none`. */
  readonly ports: (CrngPorts & { readonly secrets: Secrets }) | undefined;
  /** Has the generator's secrets wiped before a snapshot; when it is collected they are, and the lease is given back. */
  keep(generator: { check(): unknown }): void;
  /** Gives it back. A second call does nothing. */
  release(): void;
}

interface Open {
  readonly machine: Machine;
  /** What stops its draws; undefined where nothing can. */
  readonly gate: Gate | undefined;
  readonly source: (ports: CrngPorts) => GenerationSource;
  users: number;
}

/** The runtime's timers, looked up when they are needed: at import nothing happens. */
const runtimeTimer: Timer = {
  every: (ms, tick) => thisRuntime().timer.every(ms, tick),
  pause: (ms, signal) => thisRuntime().timer.pause(ms, signal),
};

/**
 * One machine for all generators of a realm, opened at the first use: a program can load the shim, revoke
 * its own permissions, and still make generators. And what a realm does by itself: its part in a quiesce, and
 * watching for forks.
 */
export class Realm {
  /** Watches for who listens. */
  readonly watcher: ForkWatcher;
  /** This realm's part in a quiesce. */
  readonly quiescer: Quiescer;
  readonly #openMachine: typeof openMachine;
  readonly #timer: Timer;
  #options: MachineOptions = {};
  #open: Open | undefined;
  /** Outlives the machine, since discovery works once in a process. */
  readonly #look: Look = {};
  readonly #collected: FinalizationRegistry<() => void>;
  /** Who needs the heartbeat: machines with a shim, and the watcher. */
  #beating = 0;
  #stopHeartbeat: (() => void) | undefined;

  constructor(
    open: typeof openMachine = openMachine,
    timer: Timer = runtimeTimer,
  ) {
    this.#openMachine = open;
    this.#timer = timer;
    this.watcher = new ForkWatcher(() => this.#watch(), timer);
    this.quiescer = new Quiescer(timer);
    this.#collected = new FinalizationRegistry((release) => release());
  }

  /** What {@linkcode Realm.configure} has set. */
  get options(): MachineOptions {
    return this.#options;
  }

  /** Sets what the next machine is; those in use stay open until they are released. */
  configure(options: MachineOptions): void {
    if (OPTIONS.some((name) => options[name] !== this.#options[name])) {
      this.#open = undefined;
    }
    this.#options = options;
  }

  /**
   * @throws {ProtectionError} If something that was named cannot be used
   */
  lease(): Lease {
    const open = this.#open ??= this.#opened();
    const { ports } = open.machine;
    open.users++;
    const secrets = new Secrets();
    let kept: Kept | undefined;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      if (kept !== undefined) {
        this.#collected.unregister(kept);
        this.quiescer.drop(kept);
      }
      this.#release(open);
    };
    return {
      machine: open.machine,
      ports: ports && { ...ports, source: open.source(ports), secrets },
      keep: (generator) => {
        kept = { secrets, generator: new WeakRef(generator) };
        this.quiescer.keep(kept);
        this.#collected.register(generator, release, kept);
      },
      release,
    };
  }

  /**
   * Quiesces the process, or this realm where its machine has no shim.
   *
   * @param timeoutMs how long to wait for realms and hooks, in milliseconds
   * @throws {ProtectionError} If it takes the shim and there is none
   */
  async quiesce(timeoutMs: number): Promise<QuiesceOutcome> {
    const lease = this.lease(); // a machine that is closed holds nothing
    if (this.#open?.gate === undefined) {
      lease.release();
      throw withoutGate(lease.machine);
    }
    return await this.quiescer.quiesce(timeoutMs, () => lease.release());
  }

  /**
   * Adds a hook, and keeps the machine open for it: the realm is to be asked even if it has no generator.
   *
   * @throws {TypeError} If it is not a function
   * @throws {ProtectionError} If something that was named cannot be used
   */
  addHook(when: "before" | "after", hook: QuiesceHook): () => void {
    const remove = this.quiescer[when].add(hook);
    try {
      const lease = this.lease();
      return () => {
        remove();
        lease.release();
      };
    } catch (error) {
      remove();
      throw error;
    }
  }

  #opened(): Open {
    const options = this.#options;
    const machine = this.#openMachine(options, { look: this.#look });
    const { shim } = machine;
    const own = isSource(options.source);
    const inShim = shim && new ShimSource(noSource, shim);
    const gate = inShim
      ? new ShimGate(shim, (before, after) => inShim.changedBy(before, after))
      : own
      ? new LocalGate()
      : undefined;
    if (gate !== undefined) this.quiescer.addGate(gate);
    if (shim !== undefined) this.#beat(1);
    let gated: GatedSource | undefined; // one for all: its counts are compared
    return {
      machine,
      gate,
      users: 0,
      source: ({ source }) => {
        if (own && gate !== undefined) {
          return gated ??= new GatedSource(source, gate);
        }
        // Also a machine that shows no fork is to stop while it is quiesced.
        return source === noSource && inShim ? inShim : source;
      },
    };
  }

  #release(open: Open): void {
    if (--open.users > 0) return;
    if (this.#open === open) this.#open = undefined;
    if (open.gate !== undefined) this.quiescer.removeGate(open.gate);
    if (open.machine.shim !== undefined) this.#beat(-1);
    open.machine.close();
  }

  #watch(): WatchedPorts {
    const lease = this.lease();
    const { source = noSource, clock = performanceClock } = lease.ports ?? {};
    this.#beat(1);
    return {
      source,
      clock,
      release: () => {
        this.#beat(-1);
        lease.release();
      },
    };
  }

  #beat(change: 1 | -1): void {
    this.#beating += change;
    if (this.#beating === 0) {
      this.#stopHeartbeat?.();
      this.#stopHeartbeat = undefined;
    } else {
      this.#stopHeartbeat ??= this.#timer.every(HEARTBEAT_MS, () => {
        this.quiescer.tick();
        this.watcher.tick();
      });
    }
  }
}

function withoutGate({ protection }: Machine): ProtectionError {
  const { reason, remedy } = protection.notReached[0] ?? {};
  return new ProtectionError(
    "permission-denied",
    `Cannot quiesce the process as it takes the shim: ${reason}; it takes ${remedy}`,
  );
}
