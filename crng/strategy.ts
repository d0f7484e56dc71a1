import { Blake2s } from "./blake2s.ts";
import type { InputPool } from "./input_pool.ts";

/** Why a reseed takes place, as far as a strategy may care. */
export interface ReseedOccasion {
  /** Whether the count of the source has changed; not so for the first seeding, timed and asked-for reseeds. */
  readonly forked: boolean;
  /** Whether the unique id differs from the one that was mixed in last. */
  readonly idChanged: boolean;
  /** Whether there is a key to inject into. */
  readonly keyed: boolean;
}

/** What a reseed has fetched before anything changes. */
export interface ReseedInput {
  /** The unique id: 16 bytes, or none. */
  readonly id: Uint8Array;
  /** The caller's own bytes, if any. */
  readonly extra: Uint8Array | undefined;
  /** 72 fresh bytes and the seed block of 32; absent if the strategy did not need them. */
  readonly seed: Uint8Array | undefined;
}

/**
 * How a generator takes a new key once its machine was forked: one of the two ways that were
 * discussed for Linux in 2022. {@linkcode inputPool} is what Linux 5.18 took and what is used here by
 * default.
 *
 * @example
 * ```ts
 * import { injection, inputPool, type ReseedStrategy } from "@vmfork/crng/crng";
 *
 * const strategies: ReseedStrategy[] = [inputPool, injection];
 * console.log(strategies.map((strategy) => strategy.name));
 * ```
 */
export interface ReseedStrategy {
  /** `"input-pool"` or `"injection"`. */
  readonly name: string;
  /** Whether it cannot work without a unique id. */
  readonly needsId: boolean;
  /** Whether this reseed wants fresh input; if not, the key in place is kept to derive the next one from. */
  wantsSeed(occasion: ReseedOccasion): boolean;
  /** Derives the next key in place. */
  rekey(key: Uint8Array, pool: InputPool, input: ReseedInput): void;
}

/**
 * @throws {TypeError} If the strategy needs a unique id and the source gave none
 */
export function requireId(
  strategy: ReseedStrategy,
  source: string,
  length: number,
): void {
  if (!strategy.needsId || length > 0) return;
  throw new TypeError(
    `Cannot use the strategy "${strategy.name}" as the source "${source}" has no unique id`,
  );
}

/** Where the seed block stands in a seed, after 72 fresh bytes. */
const SEED_BLOCK = 72;

/**
 * The input-pool strategy (v3 of the series, merged in Linux 5.18): everything is mixed into the pool
 * and a new key extracted, whatever has been credited. It holds that a snapshot's entropy is stale or
 * known, and accepts a "premature next".
 */
export const inputPool: ReseedStrategy = {
  name: "input-pool",
  needsId: false,
  wantsSeed: () => true,
  rekey(key, pool, { id, extra, seed }) {
    pool.mix(id);
    if (extra !== undefined) pool.mix(extra);
    pool.mix(seed!.subarray(0, SEED_BLOCK));
    pool.extract(seed!.subarray(SEED_BLOCK), key);
  },
};

/**
 * The injection strategy (v1 of the series): `key = BLAKE2s(key || id)`, at once and without asking
 * for entropy. It holds that what the pool and the key have gathered must not be spent early.
 *
 * Whoever knows the snapshot and the id predicts what follows until the next timed reseed, 1 s later.
 * It answers only to a changed id; every other reseed is one of {@linkcode inputPool}.
 */
export const injection: ReseedStrategy = {
  name: "injection",
  needsId: true,
  wantsSeed: ({ forked, idChanged, keyed }) => !(forked && idChanged && keyed),
  rekey(key, pool, input) {
    if (input.seed !== undefined) return inputPool.rekey(key, pool, input);
    pool.mix(input.id);
    const hash = new Blake2s();
    hash.update(key);
    hash.update(input.id);
    hash.digestInto(key);
  },
};
