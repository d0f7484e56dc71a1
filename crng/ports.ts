/**
 * The ports of the generator: what it needs from the machine, as interfaces that `ffi/` implements
 * and tests replace.
 *
 * @module
 */

/**
 * Where a program can see that its virtual machine was forked: cloned, restored or rolled back.
 *
 * @example A source that a test drives by hand
 * ```ts
 * import type { GenerationSource } from "@vmfork/crng/crng";
 *
 * let count = 1;
 * const source: GenerationSource = {
 *   name: "by hand",
 *   timely: true,
 *   generation: () => count,
 *   uniqueId: () => 0,
 *   changed: () => Promise.resolve(count),
 * };
 * count += 1; // the machine was forked
 * if (source.generation() !== 2) throw new Error("unreachable");
 * ```
 */
export interface GenerationSource {
  /** What `protection()` calls it, for example `"vmgenid"`. */
  readonly name: string;

  /**
   * Whether the hypervisor writes it before the first instruction after resume. True for the vmgenid
   * and vmclock pages and nothing else.
   */
  readonly timely: boolean;

  /**
   * The count: an integer that starts at 1 and grows at each change. MUST NOT be 0 while the source
   * works; 0 says that it cannot answer, and draws throw.
   */
  generation(): number;

  /**
   * The count after a slower look, at sources that show a fork late as well: for watchers and guards.
   * @default {the same as `generation()`}
   */
  look?(): number;

  /**
   * Where the changes of the count were seen, joined by "+" if in several places. Of what it does not remember it
   * names all that it may have been. Three names have a meaning: listeners are not told of `"resume"`, the end of
   * a quiesce, nor of `"acpi-events"` and `"generation-file"` within a second after another name.
   *
   * @param before an earlier count
   * @param after a later one
   * @default {the source's name}
   */
  changedBy?(before: number, after: number): string;

  /**
   * Whether it answers 0 on purpose: the process is quiesced, for a snapshot. At the end of that the count MUST
   * answer before this says no, also to another thread. @default {false}
   */
  quiesced?(): boolean;

  /**
   * Writes the machine's unique id, 16 opaque bytes.
   *
   * @param into 16 bytes
   * @returns the bytes written: 16, or 0 if the source has no id
   */
  uniqueId(into: Uint8Array): number;

  /**
   * Waits for a change.
   *
   * @param known the count that the caller has seen
   * @param signal ends the wait; the promise then rejects with the signal's reason
   * @returns the new count; MUST resolve at once if the count already differs from `known`
   */
  changed(known: number, signal: AbortSignal): Promise<number>;
}

/**
 * Bytes from outside the process's memory, or an exception; never a user-space generator, since a
 * snapshot copies those (MUST NOT be `crypto.getRandomValues` or `node:crypto`).
 *
 * @example Deterministic entropy, for tests only
 * ```ts
 * import { type EntropySource, SEED_LENGTH } from "@vmfork/crng/crng";
 *
 * const entropy: EntropySource = {
 *   fill: (seed) => void seed.fill(7),
 *   nonce: (into) => void into.fill(0),
 * };
 * entropy.fill(new Uint8Array(SEED_LENGTH));
 * ```
 */
export interface EntropySource {
  /**
   * Fetches the fresh input of one reseed, {@linkcode SEED_LENGTH} bytes in this order:
   * getrandom(32), hardware(32, zeros if none), cycle counter(8), then the seed block,
   * getrandom(32) XOR hardware(32).
   *
   * @param seed {@linkcode SEED_LENGTH} bytes, overwritten
   */
  fill(seed: Uint8Array): void;

  /**
   * Fetches the ChaCha20 nonce of one refill or one large or unbuffered draw.
   *
   * @param into 12 bytes, overwritten
   */
  nonce(into: Uint8Array): void;
}

/** The length in bytes of what {@linkcode EntropySource.fill} writes: 72 fresh bytes and the seed block of 32. */
export const SEED_LENGTH = 104;

/** Monotonic time, read at refills only. */
export interface Clock {
  /** Milliseconds since any fixed moment. */
  now(): number;
}

/** Timers, for watching. */
export interface Timer {
  /**
   * Calls a function again and again, without keeping the process alive.
   *
   * @param ms the time between two calls, in milliseconds
   * @param tick what to call
   * @returns a function that ends it
   */
  every(ms: number, tick: () => void): () => void;

  /**
   * Waits, and keeps the process alive for it.
   *
   * @param ms how long, in milliseconds
   * @param signal ends the wait, which then resolves at once
   */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

/** The count after the slowest look that the source has: 0 also where only that cannot be had. */
export function lookAt(source: GenerationSource): number {
  return source.look === undefined ? source.generation() : source.look();
}

/** The count after the slowest look that can be had: what shows at once is not missed for what shows late. */
export function countOf(source: GenerationSource): number {
  return lookAt(source) || source.generation();
}

/**
 * Whether it was for a quiesce that the count read 0. Another thread may have ended it since: then the count, which
 * comes back first, answers again.
 *
 * @param source whose count it was
 * @param count how to read it
 */
export function wasQuiesced(
  source: GenerationSource,
  count: (source: GenerationSource) => number,
): boolean {
  if (source.quiesced === undefined) return false;
  return source.quiesced() || count(source) > 0;
}

/** Where the changes of the count were seen. */
export function changedBy(
  source: GenerationSource,
  before: number,
  after: number,
): string {
  return source.changedBy?.(before, after) || source.name;
}
