import type { Timer } from "../crng/ports.ts";
import type { Secrets } from "../crng/secrets.ts";
import type { Gate } from "./gate.ts";
import { Hooks } from "./hooks.ts";

/** How often to ask whether the other realms have wiped their secrets, in milliseconds. */
const POLL_MS = 5;
/** How long hooks may take where nobody gives a limit, in milliseconds. */
export const HOOK_LIMIT_MS = 5_000;

/** A generator of this realm, as far as it must be known here; it may be collected. */
export interface Kept {
  /** Its memory. */
  readonly secrets: Secrets;
  /** The generator itself, for its `check()`. */
  readonly generator: WeakRef<{ check(): unknown }>;
}

/** What a quiesce has reached; see `quiesce()`. */
export interface QuiesceOutcome {
  /** How many realms have not said in time that they wiped their secrets. */
  readonly notWiped: number;
  /** What this realm's hooks have thrown. */
  readonly hooksFailed: readonly unknown[];
}

/**
 * This realm's part in a quiesce, whoever asked for it: wipes what its generators hold, runs the program's
 * hooks, says so to the others; and the way back.
 */
export class Quiescer {
  /** Called before a snapshot. */
  readonly before: Hooks;
  /** Called after it. */
  readonly after: Hooks;
  readonly #timer: Timer;
  readonly #gates: Set<Gate> = new Set();
  readonly #kept: Set<Kept> = new Set();
  /** One entry for each caller in this realm that holds: what to do when it lets go. */
  readonly #holds: (() => void)[] = [];
  /** What to do once the quiesce is over: till then this realm needs its machine, to learn of that. */
  readonly #leases: (() => void)[] = [];
  /** The quiesce that this realm has noticed: resolves once the hooks have run. */
  #entered: Promise<readonly unknown[]> | undefined;
  /** Whether they ran without a failure. */
  #clean = false;

  constructor(timer: Timer) {
    this.#timer = timer;
    this.before = new Hooks(timer);
    this.after = new Hooks(timer);
  }

  /** A machine was opened: its draws stop with the others'. */
  addGate(gate: Gate): void {
    this.#gates.add(gate);
    if (this.#holds.length > 0) gate.hold();
  }

  /** A machine is closed: nothing of its generators is left. */
  removeGate(gate: Gate): void {
    this.#gates.delete(gate);
    gate.leave();
  }

  /** A generator is there, with secrets to wipe. */
  keep(kept: Kept): void {
    this.#kept.add(kept);
  }

  /** A generator is gone; what it held is wiped. */
  drop(kept: Kept): void {
    kept.secrets.wipe();
    this.#kept.delete(kept);
  }

  /**
   * Shuts all gates, and waits until all realms have wiped their secrets, or time is up.
   *
   * @param timeoutMs how long to wait, in milliseconds
   * @param letGo called when this caller lets go
   * @throws {ShimError} If this realm has no place among those that take part
   */
  async quiesce(timeoutMs: number, letGo: () => void): Promise<QuiesceOutcome> {
    const deadline = performance.now() + timeoutMs;
    this.#holds.push(letGo);
    try {
      for (const gate of this.#gates) gate.hold();
      const hooksFailed = await this.#enter(timeoutMs);
      this.#say();
      return { hooksFailed, notWiped: await this.#othersWiped(deadline) };
    } catch (error) {
      await this.resume();
      throw error;
    }
  }

  /** One caller lets go; after the last one of all realms draws go on. Without a caller nothing happens. */
  async resume(): Promise<void> {
    const letGo = this.#holds.pop();
    if (letGo === undefined) return;
    this.#leases.push(letGo);
    if (this.#holds.length > 0) return;
    for (const gate of this.#gates) gate.letGo();
    if (!this.#shut) await this.#leave();
  }

  /** Looks whether another realm has begun or ended a quiesce. */
  tick(): void {
    if (!this.#shut) {
      if (this.#entered !== undefined) void this.#leave();
      return;
    }
    void this.#enter(HOOK_LIMIT_MS);
    if (this.#clean) this.#say();
    else this.#wipe();
  }

  get #shut(): boolean {
    for (const gate of this.#gates) if (gate.shut) return true;
    return false;
  }

  /** Wipes at once, and runs the hooks: once in a quiesce. */
  #enter(limitMs: number): Promise<readonly unknown[]> {
    if (this.#entered !== undefined) return this.#entered;
    for (const { secrets } of this.#kept) secrets.wipe();
    const entered = this.before.run(limitMs).then((failed) => {
      if (this.#entered !== entered) return failed; // over already
      this.#clean = failed.length === 0;
      if (this.#clean) this.#say();
      return failed;
    });
    return this.#entered = entered;
  }

  /** The generators reseed at once; then the hooks run, but never before those of the quiesce have ended. */
  async #leave(): Promise<void> {
    const entered = this.#entered;
    this.#entered = undefined;
    this.#clean = false;
    for (const { generator } of this.#kept) reseed(generator.deref());
    for (const release of this.#leases.splice(0)) release();
    await entered;
    if (this.#entered !== undefined) return; // quiesced again: they run after that
    for (const error of await this.after.run(HOOK_LIMIT_MS)) {
      // As with a listener: it goes uncaught, but only after the others have run.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Again and again: between two looks there may have been a resume, draws, and the next quiesce. */
  #wipe(): void {
    for (const { secrets } of this.#kept) if (secrets.keyed) secrets.wipe();
  }

  #say(): void {
    if (!this.#shut) return;
    this.#wipe();
    for (const gate of this.#gates) gate.wiped();
  }

  async #othersWiped(deadline: number): Promise<number> {
    const { signal } = new AbortController();
    for (;;) {
      // Several machines of this realm are of one process: they count the same realms.
      const left = Math.max(0, ...[...this.#gates].map((g) => g.unwiped()));
      if (left === 0 || performance.now() >= deadline) return left;
      await this.#timer.pause(POLL_MS, signal);
    }
  }
}

/** If it cannot, its draws throw. */
function reseed(generator: { check(): unknown } | undefined): void {
  try {
    generator?.check();
  } catch {
    // Closed, or no fresh input: the next draw tries again.
  }
}
