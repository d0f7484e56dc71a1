import { wipe } from "./bytes.ts";

// Sizes in bytes, RFC 7693 section 2.1.
/** The length in bytes of a BLAKE2s-256 digest, and the longest key. */
export const BLAKE2S_HASH_SIZE = 32;
const BLAKE2S_BLOCK_SIZE = 64;

// deno-fmt-ignore
/** RFC 7693 section 2.6: the first 32 bits of the fractional parts of the square roots of 2, 3, 5, ... */
const IV = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);

// deno-fmt-ignore
/** RFC 7693 section 2.7: the message word schedule, ten rounds of sixteen. */
const SIGMA = Uint8Array.of(
   0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15,
  14, 10,  4,  8,  9, 15, 13,  6,  1, 12,  0,  2, 11,  7,  5,  3,
  11,  8, 12,  0,  5,  2, 15, 13, 10, 14,  3,  6,  7,  1,  9,  4,
   7,  9,  3,  1, 13, 12, 11, 14,  2,  6,  5, 10,  4,  0, 15,  8,
   9,  0,  5,  7,  2,  4, 10, 15, 14,  1, 11, 12,  6,  8,  3, 13,
   2, 12,  6, 10,  0, 11,  8,  3,  4, 13,  7,  5, 15, 14,  1,  9,
  12,  5,  1, 15, 14, 13,  4, 10,  0,  7,  6,  3,  9,  2,  8, 11,
  13, 11,  7, 14, 12,  1,  3,  9,  5,  0, 15,  4,  8,  6,  2, 10,
   6, 15, 14,  9, 11,  3,  0,  8, 12,  2, 13,  7,  1,  4, 10,  5,
  10,  2,  8,  4,  7,  6,  1,  5, 15, 11,  9, 14,  3, 12, 13,  0,
);

// deno-fmt-ignore
/** RFC 7693 section 3.2: the four columns, then the four diagonals, as indices into v. */
const LANES = Uint8Array.of(
  0, 4,  8, 12,   1, 5,  9, 13,   2, 6, 10, 14,   3, 7, 11, 15,
  0, 5, 10, 15,   1, 6, 11, 12,   2, 7,  8, 13,   3, 4,  9, 14,
);

// Word offsets into the one buffer: chain value, byte counter, block, working vector.
const H = 0;
const T = 8;
const M = 10;
const V = 26;
const WORDS = 42;

/** The memory that a {@linkcode Blake2s} needs, in bytes. */
export const BLAKE2S_SIZE: number = WORDS * 4;

/**
 * BLAKE2s-256 with an optional key ([RFC 7693](https://www.rfc-editor.org/rfc/rfc7693)), its whole
 * state in one buffer that can be wiped. All arithmetic is on 32-bit integers, which V8 keeps out of
 * its heap; a library hash leaves digests there.
 *
 * The words are in the machine's byte order, which is little-endian on every machine that the shim
 * is built for.
 *
 * @example The vector of RFC 7693 appendix B
 * ```ts
 * import { Blake2s } from "@vmfork/crng/crng";
 * import assert from "node:assert/strict";
 *
 * const digest = new Uint8Array(32);
 * const hash = new Blake2s();
 * hash.update(new TextEncoder().encode("abc"));
 * hash.digestInto(digest);
 * assert.equal(digest[0], 0x50);
 * ```
 */
export class Blake2s {
  readonly #words: Int32Array;
  readonly #block: Uint8Array;
  #filled = 0;

  /**
   * Starts a hash.
   *
   * @param key up to 32 bytes; none for the unkeyed hash
   * @param memory where its state is to be; given by who wipes it together with more
   * @param at where it begins there, a multiple of 4
   * @throws {RangeError} If the key is longer than 32 bytes
   */
  constructor(
    key?: Uint8Array,
    memory: ArrayBuffer = new ArrayBuffer(BLAKE2S_SIZE),
    at = 0,
  ) {
    this.#words = new Int32Array(memory, at, WORDS);
    this.#block = new Uint8Array(memory, at + M * 4, BLAKE2S_BLOCK_SIZE);
    this.init(key);
  }

  /**
   * Starts again, forgetting what was hashed before.
   *
   * @param key up to 32 bytes; none for the unkeyed hash
   * @throws {RangeError} If the key is longer than 32 bytes
   */
  init(key?: Uint8Array): void {
    const keyLength = key === undefined ? 0 : key.length;
    if (keyLength > BLAKE2S_HASH_SIZE) {
      throw new RangeError(
        `Cannot key BLAKE2s as the key must have at most 32 bytes: current length is ${keyLength}`,
      );
    }
    const words = this.#words;
    for (let i = 0; i < WORDS; i++) words[i] = i < T ? IV[i]! : 0;
    // RFC 7693 section 2.5: the parameter block (fanout 1, depth 1, key length, digest length).
    words[H] = words[H]! ^ 0x01010000 ^ (keyLength << 8) ^ BLAKE2S_HASH_SIZE;
    // RFC 7693 section 2.9: a key is hashed as a first block of its own, padded with zeros.
    for (let i = 0; i < keyLength; i++) this.#block[i] = key![i]!;
    this.#filled = keyLength > 0 ? BLAKE2S_BLOCK_SIZE : 0;
  }

  /**
   * Hashes more bytes.
   *
   * @param bytes any number of them
   */
  update(bytes: Uint8Array): void {
    const block = this.#block;
    for (let i = 0; i < bytes.length; i++) {
      // A full block waits until more comes, as the last one is compressed differently. Looked at
      // before each byte, so that an update interrupted by a full stack leaves a state that goes on.
      if (this.#filled === BLAKE2S_BLOCK_SIZE) {
        this.#compress(0);
        this.#filled = 0;
      }
      block[this.#filled++] = bytes[i]!;
    }
  }

  /**
   * Writes the digest of all bytes so far, then wipes the state; `init()` starts again.
   *
   * @param out its first 32 bytes are overwritten
   */
  digestInto(out: Uint8Array): void {
    const block = this.#block;
    for (let i = this.#filled; i < BLAKE2S_BLOCK_SIZE; i++) block[i] = 0;
    this.#compress(-1);
    const words = this.#words;
    for (let i = 0; i < BLAKE2S_HASH_SIZE; i++) {
      out[i] = words[H + (i >> 2)]! >>> (8 * (i & 3));
    }
    this.wipe();
  }

  /**
   * Takes over the state of another hash.
   *
   * @param other the hash to copy
   */
  copyFrom(other: Blake2s): void {
    for (let i = 0; i < WORDS; i++) this.#words[i] = other.#words[i]!;
    this.#filled = other.#filled;
  }

  /** Wipes the state. */
  wipe(): void {
    wipe(this.#words);
    this.#filled = 0;
  }

  /** The compression function F, RFC 7693 section 3.2; `last` is -1 for the final block, else 0. */
  #compress(last: number): void {
    const w = this.#words;
    // The byte counter t, 64 bits in two words.
    const low = (w[T]! + this.#filled) | 0;
    if (low >>> 0 < this.#filled) w[T + 1] = w[T + 1]! + 1;
    w[T] = low;

    for (let i = 0; i < 8; i++) {
      w[V + i] = w[H + i]!;
      w[V + 8 + i] = IV[i]!;
    }
    w[V + 12] = w[V + 12]! ^ w[T]!;
    w[V + 13] = w[V + 13]! ^ w[T + 1]!;
    w[V + 14] = w[V + 14]! ^ last;

    for (let round = 0; round < 160; round += 16) {
      for (let g = 0; g < 8; g++) {
        // The mixing function G, RFC 7693 section 3.1, with rotations by 16, 12, 8 and 7.
        const a = V + LANES[g * 4]!;
        const b = V + LANES[g * 4 + 1]!;
        const c = V + LANES[g * 4 + 2]!;
        const d = V + LANES[g * 4 + 3]!;
        const x = M + SIGMA[round + g * 2]!;
        const y = M + SIGMA[round + g * 2 + 1]!;
        let t = 0;
        w[a] = w[a]! + w[b]! + w[x]!;
        t = w[d]! ^ w[a]!;
        w[d] = (t >>> 16) | (t << 16);
        w[c] = w[c]! + w[d]!;
        t = w[b]! ^ w[c]!;
        w[b] = (t >>> 12) | (t << 20);
        w[a] = w[a]! + w[b]! + w[y]!;
        t = w[d]! ^ w[a]!;
        w[d] = (t >>> 8) | (t << 24);
        w[c] = w[c]! + w[d]!;
        t = w[b]! ^ w[c]!;
        w[b] = (t >>> 7) | (t << 25);
      }
    }
    for (let i = 0; i < 8; i++) {
      w[H + i] = w[H + i]! ^ w[V + i]! ^ w[V + 8 + i]!;
    }
  }
}
