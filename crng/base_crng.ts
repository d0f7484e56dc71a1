import { checkLength, largestOffset } from "./arguments.ts";
import { ProtectionError } from "./errors.ts";
import { ForkGuard, type GuardDoubt } from "./fork_guard.ts";
import { ForkHistory } from "./fork_history.ts";
import type { InputPool } from "./input_pool.ts";
import { type KeyStream, LONGEST_BUFFERED } from "./key_stream.ts";
import {
  type VmForkEvent,
  type VmForkListener,
  VmForkListeners,
} from "./listeners.ts";
import {
  type Clock,
  countOf,
  type EntropySource,
  type GenerationSource,
  lookAt,
  SEED_LENGTH,
  wasQuiesced,
} from "./ports.ts";
import { nextReseed } from "./schedule.ts";
import { Secrets } from "./secrets.ts";
import { inputPool, requireId, type ReseedStrategy } from "./strategy.ts";
import { formatUuid4, type Uuid } from "./uuid.ts";
import {
  bytesOfIntegers,
  bytesOfSource,
  type IntegerView,
  isShared,
} from "./views.ts";

/** Buffers up to this size are remembered as private; a larger one is not kept alive for that. */
const LARGEST_REMEMBERED = 65_536;
/** A machine that is forked during this many tries in a row is not one to draw on. */
const MAX_ATTEMPTS = 8;
/** The first candidate of randomInt() fails with less than 1/2, so that all of these fail with less than 2^-256. */
const MAX_CANDIDATES = 256;
const UNIQUE_ID_SIZE = 16;
const UUID_SIZE = 16;
/** The name of a source that never shows a fork. */
const NO_SOURCE = "none";
const NO_BYTES = new Uint8Array(0);

/** What a {@linkcode BaseCrng} works on. */
export interface CrngPorts {
  /** Where forks show. */
  readonly source: GenerationSource;
  /** Where fresh bytes come from. */
  readonly entropy: EntropySource;
  /** Monotonic time. */
  readonly clock: Clock;
  /** How to reseed after a fork. @default {inputPool} */
  readonly strategy?: ReseedStrategy;
  /**
   * Whether every draw takes a nonce of its own instead of bytes from a buffer: for sources that may
   * show a fork late. @default {false}
   */
  readonly unbuffered?: boolean;
  /** The generator's memory, for who wipes it before a snapshot; no two generators may share it. @default {its own} */
  readonly secrets?: Secrets;
}

/** Why to reseed: a draw needs it, the timer is due, `reseed()` asks for it, `notifyFork()` tells of a fork. */
type Occasion = "draw" | "timer" | "asked" | "told";

/**
 * The generator: ChaCha20 with fast key erasure, an input pool, and a look at the generation source
 * after each draw, on ports that the caller gives. Its exact definition is in `docs/generator.md`.
 *
 * A draw that starts after the source shows a fork holds only bytes made after it; where that cannot
 * be had, it throws and wipes what it had written.
 *
 * @example On ports of your own, here the simulated machine
 * ```ts
 * import { BaseCrng } from "@vmfork/crng/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * using crng = new BaseCrng(new SimulatedMachine().ports());
 * console.log(crng.randomUUID());
 * ```
 */
export class BaseCrng {
  readonly #source: GenerationSource;
  readonly #entropy: EntropySource;
  readonly #clock: Clock;
  readonly #strategy: ReseedStrategy;
  readonly #unbuffered: boolean;
  readonly #listeners = new VmForkListeners();

  readonly #secrets: Secrets;
  readonly #pool: InputPool;
  readonly #stream: KeyStream;
  readonly #seed: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #id: Uint8Array;
  readonly #mixedId: Uint8Array;
  readonly #uuid: Uint8Array;

  /** The count under which key and buffer were made; 0 = they must not be used. */
  #seededUnder = 0;
  /** Its known count is that of the last good reseed, or an earlier one from which forks are told. */
  readonly #history = new ForkHistory();
  /** How often `notifyFork()` was called. */
  #notified = 0;
  #reseeding = false;
  #closed = false;
  /** NaN before the first seeding. */
  #forkSeenAt = NaN;
  #nextReseed = 0;

  /**
   * Makes a generator; the first draw seeds it.
   *
   * @param ports what it works on
   * @throws {TypeError} If the strategy needs a unique id and the source has none
   */
  constructor(ports: CrngPorts) {
    this.#source = ports.source;
    this.#entropy = ports.entropy;
    this.#clock = ports.clock;
    this.#strategy = ports.strategy ?? inputPool;
    this.#unbuffered = ports.unbuffered ?? false;
    const secrets = ports.secrets ?? new Secrets();
    this.#secrets = secrets;
    this.#pool = secrets.pool;
    this.#stream = secrets.stream;
    this.#seed = secrets.seed;
    this.#nonce = secrets.nonce;
    this.#id = secrets.id;
    this.#mixedId = secrets.mixedId;
    this.#uuid = secrets.uuid;
    if (this.#strategy.needsId) this.#readId();
  }

  /**
   * Draws bytes.
   *
   * @param length how many, from 0 to 2^31 - 1
   * @returns a new array of that many bytes
   * @throws {RangeError} If `length` is not an integer in that range
   * @throws {ProtectionError} If bytes of our own cannot be had
   */
  getRandom(length: number): Uint8Array<ArrayBuffer> {
    checkLength(length);
    const out = new Uint8Array(length);
    this.#fill(out);
    return out;
  }

  /**
   * Fills an integer array, as Web Crypto's `getRandomValues()` does but without its limit of 65,536
   * bytes. Shared memory is filled from a private copy after the last check.
   *
   * A `Uint8Array` on a buffer of up to 64 KiB is not collected before another one is filled, a draw fails, or the
   * secrets are wiped, as by a quiesce and by `close()`: the program can wipe it, but not drop it.
   *
   * @param view the integer array to fill, of any length
   * @returns the same array
   * @throws {TypeError} If it is not an integer array
   * @throws {ProtectionError} If bytes of our own cannot be had; the view is then wiped
   */
  getRandomValues<T extends IntegerView>(view: T): T {
    if (view === this.#secrets.lastPrivate) {
      this.#fill(view as Uint8Array);
      return view;
    }
    const out = bytesOfIntegers(view);
    if (isShared(out)) {
      this.#fillShared(out);
    } else {
      if (out === view && out.buffer.byteLength <= LARGEST_REMEMBERED) {
        this.#secrets.lastPrivate = view;
      }
      this.#fill(out);
    }
    return view;
  }

  /**
   * Draws an integer from 0 to 2^32 - 1, from 4 bytes in little-endian order.
   *
   * @returns the integer
   * @throws {ProtectionError} If bytes of our own cannot be had
   */
  randomUint32(): number {
    try {
      const under = this.#seededUnder;
      if (under !== 0 && this.#stream.left > 0) {
        const word = this.#stream.takeWord();
        if (this.#source.generation() === under) return word >>> 0;
      }
      return this.#checked(() => this.#number(32));
    } catch (error) {
      this.#seededUnder = 0;
      throw error;
    }
  }

  /**
   * Draws an integer from `min` up to but not including `max`, each equally likely.
   *
   * @param min the smallest result, a safe integer
   * @param max one more than the largest result, an integer up to 2^53 and at most `min + 2^53`
   * @returns the integer
   * @throws {TypeError} If one of them is not a safe integer
   * @throws {RangeError} If the range is empty or larger than 2^53
   * @throws {ProtectionError} If bytes of our own cannot be had
   */
  randomInt(min: number, max: number): number {
    const largest = largestOffset(min, max);
    const high = Math.floor(largest / 2 ** 32);
    const bits = high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(largest);
    return this.#checked(() => min + this.#numberUpTo(largest, bits));
  }

  /**
   * Draws a version 4 UUID (RFC 9562 section 5.4).
   *
   * @returns its text, in lower case
   * @throws {ProtectionError} If bytes of our own cannot be had
   */
  randomUUID(): Uuid {
    const bytes = this.#uuid;
    try {
      const under = this.#seededUnder;
      if (under !== 0 && UUID_SIZE <= this.#stream.left) {
        this.#stream.take(bytes);
        const text = formatUuid4(bytes);
        if (this.#source.generation() === under) return text;
      }
      return this.#checked(() => {
        this.#produce(bytes);
        return formatUuid4(bytes);
      });
    } catch (error) {
      this.#seededUnder = 0;
      throw error;
    } finally {
      for (let i = 0; i < UUID_SIZE; i++) bytes[i] = 0;
    }
  }

  /**
   * Takes a new key from fresh input now, whatever the source says.
   *
   * @param extra bytes of the caller's to mix in as well; they are not credited
   * @throws {TypeError} If `extra` is no buffer or view
   * @throws {ProtectionError} If fresh input cannot be had; draws then try again
   */
  reseed(extra?: ArrayBuffer | ArrayBufferView): void {
    this.#reseed("asked", extra === undefined ? extra : bytesOfSource(extra));
  }

  /**
   * Tells the generator that the machine was forked: the manual door for platforms that call a hook
   * after resume and have no generation page. Reseeds, starts the schedule again and calls listeners.
   *
   * @param extra bytes that only this clone has, if the platform gives any; they are not credited
   * @throws {TypeError} If `extra` is no buffer or view
   * @throws {ProtectionError} If fresh input cannot be had; draws then try again
   */
  notifyFork(extra?: ArrayBuffer | ArrayBufferView): void {
    const bytes = extra === undefined ? extra : bytesOfSource(extra);
    this.#notified++; // guards hold even if the reseed fails
    this.#reseed("told", bytes);
  }

  /**
   * Looks for a fork without drawing, also at sources that show it late; if there was one, reseeds and calls
   * the listeners, as a draw does. The slowest look is the read of a file.
   *
   * One that has neither drawn nor has a listener finds nothing: there is nothing to be made anew.
   *
   * @returns whether it found a fork to tell of; the end of a quiesce is none
   * @throws {ProtectionError} If the source cannot answer, or fresh input cannot be had; draws then try again
   */
  check(): boolean {
    this.#requireOpen();
    const { known } = this.#history;
    if (known === 0 || countOf(this.#source) === known) return false;
    return this.#reseed("draw");
  }

  /**
   * Makes a guard for values that are made from now on: whether the machine was forked since.
   *
   * @returns the guard, which holds as long as this generator is open
   * @throws {ProtectionError} If no source shows forks here (`level-unavailable`), or it cannot answer now
   */
  forkGuard(): ForkGuard {
    this.#requireOpen();
    const { name, timely } = this.#source;
    if (name === NO_SOURCE) {
      throw new ProtectionError(
        "level-unavailable",
        "Cannot guard as nothing on this machine shows a fork; protection() says why",
      );
    }
    const count = lookAt(this.#source);
    if (!(count > 0)) throw this.#unanswered("guard", lookAt);
    const notified = this.#notified;
    return new ForkGuard(timely, () => this.#doubt(count, notified));
  }

  /**
   * Adds a listener that is called after this generator has reseeded because of a VM fork: in a
   * microtask, in order of registration, once a fork. It learns of a fork when a draw or `check()` finds it.
   *
   * @param listener what to call
   * @returns a function that removes it
   * @throws {TypeError} If it is not a function
   */
  onVmFork(listener: VmForkListener): () => void {
    const remove = this.#listeners.add(listener);
    // From now on forks are told, also if nothing was ever drawn; an unreadable count stays 0.
    if (this.#history.known === 0 && !this.#closed) {
      this.#history.begin(this.#source, this.#source.generation());
    }
    return remove;
  }

  /**
   * Wipes all state. Draws throw from now on, and listeners learn of what was found before, but of nothing more; a
   * second call does nothing.
   */
  close(): void {
    this.#closed = true;
    this.#seededUnder = 0;
    this.#secrets.wipe();
    this.#listeners.clear();
  }

  /** The same as {@linkcode BaseCrng.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** A checked draw into private memory. */
  #fill(out: Uint8Array): void {
    const length = out.length;
    try {
      // The common case by hand: bytes that are there, then the one reading that decides.
      const under = this.#seededUnder;
      if (under !== 0 && length <= this.#stream.left) {
        this.#stream.take(out);
        if (this.#source.generation() === under) return;
      }
      this.#checked(() => this.#produce(out));
    } catch (error) {
      // Handlers assign first, and make no call: they may run where the stack has no room for one.
      this.#seededUnder = 0;
      for (let i = 0; i < length; i++) out[i] = 0;
      this.#secrets.lastPrivate = undefined; // the secrets may have been wiped before
      throw error;
    }
  }

  /** A checked draw for memory that other threads see: they see nothing before the last check. */
  #fillShared(out: Uint8Array): void {
    const length = out.length;
    const bytes = new Uint8Array(length);
    try {
      this.#fill(bytes);
      out.set(bytes);
    } catch (error) {
      for (let i = 0; i < length; i++) out[i] = 0;
      throw error;
    } finally {
      for (let i = 0; i < length; i++) bytes[i] = 0;
    }
  }

  /**
   * Count first, build the whole result, check, redo. Nothing stands between the check and the return.
   */
  #checked<T>(build: () => T): T {
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        if (
          this.#seededUnder === 0 || !this.#secrets.keyed ||
          this.#seededUnder !== this.#source.generation()
        ) this.#reseed("draw");
        const under = this.#seededUnder;
        const result = build();
        if (
          this.#source.generation() === under && this.#seededUnder === under
        ) return result;
      }
      throw new ProtectionError(
        "generation-unstable",
        `Cannot draw as the generation of "${this.#source.name}" changed during each of ${MAX_ATTEMPTS} tries`,
      );
    } catch (error) {
      this.#seededUnder = 0;
      throw error;
    }
  }

  /** Writes bytes that are still to be checked. */
  #produce(out: Uint8Array): void {
    if (out.length === 0) return;
    if (this.#unbuffered || out.length > LONGEST_BUFFERED) {
      this.#stream.produceLarge(out, this.#nextNonce());
    } else {
      if (out.length > this.#stream.left) this.#refill();
      this.#stream.take(out);
    }
  }

  #refill(): void {
    this.#stream.eraseRest();
    this.#stream.refill(this.#nextNonce());
  }

  /** Before any blocks are made: reseeds if the timer says so, and fetches their nonce. */
  #nextNonce(): Uint8Array {
    // Written so that a clock that answers NaN reseeds.
    if (!(this.#clock.now() < this.#nextReseed)) this.#reseed("timer");
    this.#entropy.nonce(this.#nonce);
    if (!this.#secrets.keyed) throw this.#wiped(); // by that port
    return this.#nonce;
  }

  /** An integer of up to 53 bits from ceil(bits / 8) bytes, little-endian, masked. */
  #number(bits: number): number {
    const bytes = new Uint8Array((bits + 7) >> 3);
    this.#produce(bytes);
    // The mask: of the last byte only as many bits as are wanted.
    const last = bytes.length - 1;
    if (bits % 8 !== 0) bytes[last] = bytes[last]! & ((1 << bits % 8) - 1);
    let value = 0;
    for (let i = last; i >= 0; i--) {
      value = value * 256 + bytes[i]!;
      bytes[i] = 0;
    }
    return value;
  }

  /** Rejection: candidates of `bits` bits until one is not larger than `largest`. */
  #numberUpTo(largest: number, bits: number): number {
    for (let candidate = 0; candidate < MAX_CANDIDATES; candidate++) {
      const value = this.#number(bits);
      if (value <= largest) return value;
    }
    throw new ProtectionError(
      "entropy-failed",
      `Cannot draw an integer as ${MAX_CANDIDATES} candidates were all out of range`,
    );
  }

  /**
   * The one reseed for all occasions. All that can fail comes first; only then does anything change.
   *
   * @returns whether listeners are told of a fork
   */
  #reseed(occasion: Occasion, extra?: Uint8Array): boolean {
    this.#requireOpen();
    if (this.#reseeding) {
      throw new ProtectionError(
        "reentrant-draw",
        "Cannot draw from inside a port of the same generator",
      );
    }
    const seed = this.#seed;
    const { wipes } = this.#secrets;
    this.#reseeding = true;
    try {
      const generation = this.#source.generation();
      if (!(generation > 0)) throw this.#unanswered("draw", countOf);
      const id = this.#readId();
      const { known } = this.#history;
      const forked = known !== 0 && generation !== known;
      const wantsSeed = occasion !== "draw" || this.#strategy.wantsSeed({
        forked,
        idChanged: this.#idChanged(id),
        keyed: this.#secrets.keyed,
      });
      if (wantsSeed) this.#entropy.fill(seed);
      const now = this.#clock.now();
      const event = this.#eventOf(occasion, generation, now);
      // A port may have closed it, or wiped what was fetched.
      if (this.#secrets.wipes !== wipes) throw this.#wiped();

      this.#seededUnder = 0;
      if (wantsSeed) {
        this.#secrets.keyed = false;
        this.#stream.wipe();
      } else {
        this.#stream.eraseBuffer();
      }
      this.#strategy.rekey(this.#stream.key, this.#pool, {
        id,
        extra,
        seed: wantsSeed ? seed : undefined,
      });
      this.#secrets.keyed = true;
      for (let i = 0; i < id.length; i++) this.#mixedId[i] = id[i]!;

      if (forked || occasion === "told" || Number.isNaN(this.#forkSeenAt)) {
        this.#forkSeenAt = now;
      }
      this.#nextReseed = nextReseed(now, this.#forkSeenAt);
      if (event !== undefined) this.#listeners.notify(event);
      this.#history.note(generation, event);
      this.#seededUnder = generation; // never a later reading
      return event !== undefined;
    } catch (error) {
      this.#seededUnder = 0;
      throw error;
    } finally {
      this.#reseeding = false;
      for (let i = 0; i < SEED_LENGTH; i++) seed[i] = 0;
    }
  }

  /** What listeners are told of a reseed, if anything. */
  #eventOf(
    occasion: Occasion,
    after: number,
    when: number,
  ): VmForkEvent | undefined {
    const event = this.#history.event(this.#source, after, when);
    if (event !== undefined || occasion !== "told") return event;
    const before = this.#history.known || after;
    return { before, after, source: "notifyFork", when };
  }

  /** Why a value that was made under a count must not be used, if there is a reason. */
  #doubt(count: number, notified: number): GuardDoubt | undefined {
    if (this.#closed) return "closed";
    if (this.#notified !== notified) return "forked";
    try {
      const now = lookAt(this.#source);
      if (now === count) return undefined;
      if (now > 0) return "forked";
      return wasQuiesced(this.#source, lookAt)
        ? "quiesced"
        : "generation-unreadable";
    } catch {
      return "generation-unreadable";
    }
  }

  /** The error for a count of 0; `count` reads it again. */
  #unanswered(action: string, count: typeof countOf): ProtectionError {
    if (wasQuiesced(this.#source, count)) {
      return new ProtectionError(
        "quiesced",
        `Cannot ${action} as all secrets are wiped for a snapshot, until resume()`,
      );
    }
    return new ProtectionError(
      "generation-unreadable",
      `Cannot ${action} as the source "${this.#source.name}" cannot answer: a fork could go unseen`,
    );
  }

  #requireOpen(): void {
    if (!this.#closed) return;
    throw new ProtectionError(
      "closed",
      "Cannot draw as the generator is closed",
    );
  }

  /** The error for secrets that were wiped in the middle of a draw. */
  #wiped(): ProtectionError {
    this.#requireOpen();
    if (this.#source.quiesced?.()) return this.#unanswered("draw", countOf);
    return new ProtectionError(
      "entropy-failed",
      "Cannot draw as the generator's secrets were wiped meanwhile",
    );
  }

  /** The unique id, 16 bytes or none. */
  #readId(): Uint8Array {
    const length = this.#source.uniqueId(this.#id);
    requireId(this.#strategy, this.#source.name, length);
    if (length === UNIQUE_ID_SIZE) return this.#id;
    if (length === 0) return NO_BYTES;
    throw new ProtectionError(
      "generation-unreadable",
      `Cannot draw as the source "${this.#source.name}" gave an id of another size: ${length}`,
    );
  }

  #idChanged(id: Uint8Array): boolean {
    for (let i = 0; i < id.length; i++) {
      if (id[i] !== this.#mixedId[i]) return true;
    }
    return false;
  }
}
