import { Blake2s, BLAKE2S_HASH_SIZE, BLAKE2S_SIZE } from "./blake2s.ts";

/** The memory that an {@linkcode InputPool} needs, in bytes. */
export const INPUT_POOL_SIZE: number = 2 * BLAKE2S_SIZE;

/**
 * The input pool of `drivers/char/random.c`: one BLAKE2s state that everything is mixed into, and
 * `extract_entropy()`, which turns it into a key and starts it again from a key of its own.
 *
 * @example
 * ```ts
 * import { InputPool } from "@vmfork/crng/crng";
 *
 * const pool = new InputPool();
 * pool.mix(Uint8Array.of(1, 2, 3));
 * const key = new Uint8Array(32);
 * pool.extract(new Uint8Array(32), key);
 * ```
 */
export class InputPool {
  readonly #hash: Blake2s;
  readonly #scratch: Blake2s;

  /**
   * Starts empty.
   *
   * @param memory where its state is to be; given by who wipes it together with more
   * @param at where it begins there, a multiple of 4
   */
  constructor(
    memory: ArrayBuffer = new ArrayBuffer(INPUT_POOL_SIZE),
    at = 0,
  ) {
    this.#hash = new Blake2s(undefined, memory, at);
    this.#scratch = new Blake2s(undefined, memory, at + BLAKE2S_SIZE);
  }

  /**
   * `mix_pool_bytes()`: updates the hash. Nothing is credited.
   *
   * @param bytes any number of them
   */
  mix(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /**
   * `extract_entropy()`: derives 32 bytes from all that was mixed in and the seed block, like HKDF,
   * and replaces the pool by one keyed with a second output.
   *
   * @param seedBlock 32 bytes that were fetched for this extraction
   * @param out receives 32 bytes
   */
  extract(seedBlock: Uint8Array, out: Uint8Array): void {
    const seed = new Uint8Array(BLAKE2S_HASH_SIZE);
    const nextKey = new Uint8Array(BLAKE2S_HASH_SIZE);
    try {
      // A copy is finished, not the pool: an exception half-way then leaves the pool as it was.
      this.#scratch.copyFrom(this.#hash);
      this.#scratch.digestInto(seed);
      this.#derive(seed, seedBlock, 0, nextKey);
      this.#derive(seed, seedBlock, 1, out);
      this.#hash.init(nextKey);
    } finally {
      // A loop, not a call: there may be no room on the stack for one.
      for (let i = 0; i < BLAKE2S_HASH_SIZE; i++) seed[i] = nextKey[i] = 0;
      this.#scratch.wipe();
    }
  }

  /** Wipes the pool: it is empty again, as at its start. */
  wipe(): void {
    this.#hash.init();
    this.#scratch.init();
  }

  /** out = BLAKE2s(key = seed, seedBlock || u64(counter)) */
  #derive(
    seed: Uint8Array,
    seedBlock: Uint8Array,
    counter: number,
    out: Uint8Array,
  ): void {
    this.#scratch.init(seed);
    this.#scratch.update(seedBlock);
    this.#scratch.update(Uint8Array.of(counter, 0, 0, 0, 0, 0, 0, 0));
    this.#scratch.digestInto(out);
  }
}
