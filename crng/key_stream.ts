import { wipe } from "./bytes.ts";
import {
  chacha20Blocks,
  CHACHA_BLOCK_SIZE,
  CHACHA_CONSTANTS,
  CHACHA_KEY_SIZE,
} from "./chacha20.ts";

const BLOCKS_PER_REFILL = 16;
/** The end of the buffer: 1,024 bytes a refill. */
const END = BLOCKS_PER_REFILL * CHACHA_BLOCK_SIZE;
/** The longest draw that the buffer serves: what a refill leaves after the next key. */
export const LONGEST_BUFFERED: number = END - CHACHA_KEY_SIZE;
/** Large draws are made in pieces of this size, so that private memory stays small. */
const PIECE = 64 * CHACHA_BLOCK_SIZE;
/** Up to here a loop beats set() and fill(), which need a subarray each: 60 ns. */
const SHORT = 128;

// Word offsets into the ChaCha20 state, RFC 8439 section 2.3.
const STATE_WORDS = 16;
const KEY = 4;
const COUNTER = 12;
const NONCE = 13;

/** The memory that a {@linkcode KeyStream} needs, in bytes. */
export const KEY_STREAM_SIZE: number = CHACHA_KEY_SIZE + STATE_WORDS * 4 + END +
  PIECE;

/**
 * How much private memory a large draw uses at a time: whole blocks, in plain arithmetic, since lengths go up
 * to 2^31.
 *
 * @param all the bytes to make, the first half of block 0 included
 */
export function pieceSize(all: number): number {
  return Math.min(
    PIECE,
    Math.ceil(all / CHACHA_BLOCK_SIZE) * CHACHA_BLOCK_SIZE,
  );
}

/**
 * The key, and the bytes made from it: ChaCha20 with fast key erasure, as `crng_fast_key_erasure()` has it
 * in random.c. It knows nothing of forks; {@linkcode BaseCrng} decides when its bytes may be used.
 */
export class KeyStream {
  /** The key, 32 bytes, which a reseed derives in place. */
  readonly key: Uint8Array;
  readonly #all: Int32Array;
  readonly #key: Int32Array;
  readonly #buffer: Uint8Array;
  readonly #words: Int32Array;
  readonly #piece: Uint8Array;
  readonly #pieceWords: Int32Array;
  /** The state of the blocks being made; zeros at other times. */
  readonly #state: Int32Array;
  /** Where the unread bytes of the buffer begin: a multiple of 4. */
  #position = END;

  /**
   * Lays everything out in one buffer.
   *
   * @param memory begins with {@linkcode KEY_STREAM_SIZE} bytes for it; given by who wipes them together with more
   */
  constructor(memory: ArrayBuffer = new ArrayBuffer(KEY_STREAM_SIZE)) {
    let at = 0;
    const next = (bytes: number): [Uint8Array, Int32Array] => {
      const part = new Uint8Array(memory, at, bytes);
      at += bytes;
      return [part, new Int32Array(memory, part.byteOffset, bytes / 4)];
    };
    [this.key, this.#key] = next(CHACHA_KEY_SIZE);
    [, this.#state] = next(STATE_WORDS * 4);
    [this.#buffer, this.#words] = next(END);
    [this.#piece, this.#pieceWords] = next(PIECE);
    this.#all = new Int32Array(memory, 0, KEY_STREAM_SIZE / 4);
  }

  /** How many bytes the buffer still holds. */
  get left(): number {
    return END - this.#position;
  }

  /** Erases the buffer. */
  eraseBuffer(): void {
    this.#position = END;
    wipe(this.#words);
  }

  /** Wipes everything. */
  wipe(): void {
    this.#position = END;
    wipe(this.#all);
  }

  /** Takes 4 bytes from the buffer, as a signed integer; there must be some. */
  takeWord(): number {
    const at = this.#position >> 2;
    const word = this.#words[at]!;
    this.#words[at] = 0;
    this.#position += 4;
    return word;
  }

  /**
   * Takes bytes from the buffer, which must hold that many, and erases them there up to the next multiple
   * of 4.
   */
  take(out: Uint8Array): void {
    const from = this.#position;
    const length = out.length;
    this.#position = (from + length + 3) & ~3;
    if (length <= SHORT) {
      this.#takeWords(out, from >> 2);
    } else {
      out.set(this.#buffer.subarray(from, from + length));
      this.#buffer.fill(0, from, this.#position);
    }
  }

  /** Erases what the buffer still holds: what stood before the position was erased as it left. */
  eraseRest(): void {
    for (let i = this.#position >> 2; i < END / 4; i++) this.#words[i] = 0;
    this.#position = END;
  }

  /**
   * Sixteen blocks: the first half of the first replaces the key at once, the rest is the new buffer.
   */
  refill(nonce: Uint8Array): void {
    this.#position = END;
    this.#begin(nonce);
    try {
      chacha20Blocks(this.#state, this.#words, BLOCKS_PER_REFILL);
      this.#replaceKey(this.#words);
    } finally {
      for (let i = 0; i < STATE_WORDS; i++) this.#state[i] = 0;
    }
    this.#position = CHACHA_KEY_SIZE;
  }

  /**
   * Bytes past the buffer, which stays. Block 0 goes to private memory: its first half replaces the key at
   * once, its second half and the blocks after it are the output. Key bytes never touch the caller's
   * memory.
   */
  produceLarge(out: Uint8Array, nonce: Uint8Array): void {
    this.#begin(nonce);
    const all = CHACHA_KEY_SIZE + out.length;
    const used = pieceSize(all);
    try {
      // `at` counts from the start of block 0.
      for (let at = 0; at < all; at += used) {
        const from = at === 0 ? CHACHA_KEY_SIZE : 0;
        const to = Math.min(used, all - at);
        chacha20Blocks(
          this.#state,
          this.#pieceWords,
          Math.ceil(to / CHACHA_BLOCK_SIZE),
        );
        if (at === 0) this.#replaceKey(this.#pieceWords);
        this.#copyPiece(from, to, out, at + from - CHACHA_KEY_SIZE);
      }
    } finally {
      for (let i = 0; i < used >> 2; i++) this.#pieceWords[i] = 0;
      for (let i = 0; i < STATE_WORDS; i++) this.#state[i] = 0;
    }
  }

  #takeWords(out: Uint8Array, at: number): void {
    const words = this.#words;
    const whole = out.length & ~3;
    let i = 0;
    for (; i < whole; i += 4, at++) {
      const word = words[at]!;
      words[at] = 0;
      out[i] = word;
      out[i + 1] = word >>> 8;
      out[i + 2] = word >>> 16;
      out[i + 3] = word >>> 24;
    }
    if (i === out.length) return;
    let word = words[at]!;
    words[at] = 0;
    for (; i < out.length; i++, word >>>= 8) out[i] = word;
  }

  #copyPiece(from: number, to: number, out: Uint8Array, at: number): void {
    if (to - from > SHORT) {
      out.set(this.#piece.subarray(from, to), at);
    } else {
      for (let i = from; i < to; i++) out[at + i - from] = this.#piece[i]!;
    }
  }

  /** Sets the state for blocks under the present key, counter 0. */
  #begin(nonce: Uint8Array): void {
    const state = this.#state;
    for (let i = 0; i < KEY; i++) state[i] = CHACHA_CONSTANTS[i]!;
    for (let i = KEY; i < COUNTER; i++) state[i] = this.#key[i - KEY]!;
    state[COUNTER] = 0;
    for (let i = NONCE, at = 0; i < STATE_WORDS; i++, at += 4) {
      state[i] = nonce[at]! | nonce[at + 1]! << 8 | nonce[at + 2]! << 16 |
        nonce[at + 3]! << 24;
    }
  }

  /** Moves the first half of a first block to where the key is. */
  #replaceKey(words: Int32Array): void {
    for (let i = 0; i < CHACHA_KEY_SIZE / 4; i++) {
      this.#key[i] = words[i]!;
      words[i] = 0;
    }
  }
}
