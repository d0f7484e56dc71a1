import { ProtectionError } from "../crng/errors.ts";
import type { Timer } from "../crng/ports.ts";
import type { Secrets } from "../crng/secrets.ts";
import type { Gate } from "./gate.ts";
import { Hooks, within } from "./hooks.ts";

/** How often to ask whether the other realms have wiped their secrets, in milliseconds. */
const POLL_MS = 5;
/** By then the hooks' own time limits have said which of them it was, in milliseconds. */
const GRACE_MS = 20;
/** How long the hooks of a quiesce may take where nobody gives a limit, in milliseconds. */
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
  /** Whether it is still on: it may have been ended before all was wiped. */
  readonly held: boolean;
  /** How many realms have not said in time that they wiped their secrets. */
  readonly notWiped: number;
  /** What this realm's hooks have thrown. */
  readonly hooksFailed: readonly unknown[];
  /** Lets go, as the caller that got this. A second call does nothing. */
  resume(): Promise<void>;
}

/** One caller that holds the process quiesced. */
interface Hold {
  /** To be called when it lets go. */
  readonly letGo: () => void;
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
  /** The callers in this realm that hold. */
  readonly #holds: Hold[] = [];
  /** What to do once the quiesce is over: till then this realm needs its machine, to learn of that. */
  readonly #leases: (() => void)[] = [];
  /** The quiesce that this realm has noticed: resolves once the hooks have run. */
  #entered: Promise<readonly unknown[]> | undefined;
  /** The same, also when that quiesce is over: its hooks may still run. */
  #begun: Promise<readonly unknown[]> | undefined;
  /** Whether they ran without a failure. */
  #clean = false;
  /** Its number, by gate: a resume and another quiesce may fall between two looks. */
  readonly #noticed: Map<Gate, number> = new Map();

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
    this.tick(); // a last look, as the number that it has noticed goes with it
    this.#gates.delete(gate);
    this.#noticed.delete(gate);
    gate.leave();
    // No other gate may tell of the end: the next quiesce would be taken for this one.
    if (this.#entered !== undefined && !this.#shut) void this.#leave();
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
    const hold: Hold = { letGo };
    this.#holds.push(hold);
    try {
      for (const gate of this.#gates) gate.hold();
      const numbers = this.#numbers();
      // Hooks may run by another caller's limit.
      const hooksFailed = await within(
        this.#enter(timeoutMs),
        timeoutMs + GRACE_MS,
        this.#timer,
        "the hooks",
      ).catch((error) => [error]);
      if (this.#clean) this.#say();
      const notWiped = await this.#othersWiped(deadline);
      const held = this.#holds.includes(hold) && this.#numbers() === numbers;
      const resume = (): Promise<void> => this.resume(hold);
      return { held, hooksFailed, notWiped, resume };
    } catch (error) {
      await this.resume(hold);
      throw error;
    }
  }

  /**
   * One caller lets go; after the last one of all realms draws go on. Without a caller nothing happens.
   *
   * @param hold which one @default {the last}
   */
  async resume(hold: Hold | undefined = this.#holds.at(-1)): Promise<void> {
    if (hold === undefined || !this.#holds.includes(hold)) return;
    this.#holds.splice(this.#holds.indexOf(hold), 1);
    this.#leases.push(hold.letGo);
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
    for (const gate of this.#gates) if (gate.quiesce !== 0) return true;
    return false;
  }

  /** What tells this quiesce from others. */
  #numbers(): string {
    return [...this.#gates].map(({ quiesce }) => quiesce).join();
  }

  /** Whether the quiesce that was noticed is over, and another one is on. */
  get #another(): boolean {
    for (const gate of this.#gates) {
      const { quiesce } = gate;
      const noticed = this.#noticed.get(gate) ?? quiesce;
      if (quiesce !== 0 && quiesce !== noticed) return true;
    }
    return false;
  }

  /** Wipes at once, and runs the hooks: once in a quiesce. */
  #enter(limitMs: number): Promise<readonly unknown[]> {
    if (this.#another) this.#forget();
    for (const gate of this.#gates) this.#noticed.set(gate, gate.quiesce);
    return this.#entered ?? this.#begin(limitMs);
  }

  /** The hooks may call back before they have all begun: by then the quiesce is noticed. */
  #begin(limitMs: number): Promise<readonly unknown[]> {
    for (const { secrets } of this.#kept) secrets.wipe();
    const earlier = this.#begun; // its hooks are to end too: they may wipe, or have drawn
    let end!: (failed: Promise<readonly unknown[]>) => void;
    const entered = new Promise<readonly unknown[]>((resolve) => end = resolve);
    this.#entered = this.#begun = entered;
    end(
      Promise.all([this.before.run(limitMs), earlier]).then(([failed]) => {
        if (this.#entered !== entered) return failed; // over already
        this.#clean = failed.length === 0;
        if (this.#clean) this.#say();
        return failed;
      }),
    );
    return entered;
  }

  /** The generators reseed at once; then the hooks run, but never before those of all quiesces have ended. */
  async #leave(): Promise<void> {
    const entered = this.#entered;
    this.#forget();
    for (const { generator } of this.#kept) reseed(generator.deref());
    for (const release of this.#leases.splice(0)) release();
    if (entered === undefined) return; // it could not begin
    await entered;
    if (this.#enteredSince(entered)) return; // they run after that
    // Without a limit: secrets are wiped, and a slow hook, which may ask a server for new ones, is no error.
    await Promise.all(
      this.after.begin().map((ends) =>
        ends.catch((error) => this.#fail(error, entered))
      ),
    );
  }

  /** What a hook of a resume has thrown goes uncaught, as with a listener, but only once the others have begun. */
  #fail(error: unknown, entered: Promise<unknown>): void {
    // A draw that came too late: the hook is called again.
    if (isQuiesced(error) && this.#enteredSince(entered)) return;
    queueMicrotask(() => {
      throw error;
    });
  }

  #forget(): void {
    this.#entered = undefined;
    this.#clean = false;
    this.#noticed.clear();
  }

  /** Whether there was another quiesce since, or is one that this realm has not noticed yet: its hooks are to run. */
  #enteredSince(entered: Promise<unknown>): boolean {
    if (this.#shut) this.tick();
    return this.#begun !== entered;
  }

  /** Again and again: between two looks there may have been a resume, draws, and the next quiesce. */
  #wipe(): void {
    for (const { secrets } of this.#kept) if (secrets.keyed) secrets.wipe();
  }

  #say(): void {
    if (!this.#shut) return;
    if (this.#another) return void this.#enter(HOOK_LIMIT_MS); // it has hooks to run first
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

function isQuiesced(error: unknown): boolean {
  return error instanceof ProtectionError && error.code === "quiesced";
}

/** If it cannot, its draws throw. */
function reseed(generator: { check(): unknown } | undefined): void {
  try {
    generator?.check();
  } catch {
    // Closed, or no fresh input: the next draw tries again.
  }
}
