/** The length in bytes of a ChaCha20 key (RFC 8439 section 2.3). */
export const CHACHA_KEY_SIZE = 32;
/** The length in bytes of a ChaCha20 block (RFC 8439 section 2.3). */
export const CHACHA_BLOCK_SIZE = 64;

/** The first four words of a ChaCha20 state, "expand 32-byte k" (RFC 8439 section 2.3). */
export const CHACHA_CONSTANTS: readonly number[] = [
  0x61707865,
  0x3320646e,
  0x79622d32,
  0x6b206574,
];

/**
 * The ChaCha20 block function, [RFC 8439](https://www.rfc-editor.org/rfc/rfc8439) section 2.3, for
 * consecutive blocks.
 *
 * Unrolled by hand and without any call inside: it runs whole or, where the stack has no room, not at
 * all. `tests/crng/chacha20_test.ts` holds it against the RFC, a slow twin and two libraries.
 *
 * @param state 16 words: constants, key (8), block counter, nonce (3); the counter is advanced by
 * `blocks`, modulo 2^32
 * @param out receives 16 words a block, from its start
 * @param blocks how many blocks
 * @example
 * ```ts
 * import { CHACHA_CONSTANTS, chacha20Blocks } from "@vmfork/crng/crng";
 *
 * const state = new Int32Array(16);
 * state.set(CHACHA_CONSTANTS);
 * const out = new Int32Array(32);
 * chacha20Blocks(state, out, 2);
 * ```
 */
// deno-fmt-ignore
export function chacha20Blocks(state: Int32Array, out: Int32Array, blocks: number): void {
  const s0 = state[0]!, s1 = state[1]!, s2 = state[2]!, s3 = state[3]!;
  const s4 = state[4]!, s5 = state[5]!, s6 = state[6]!, s7 = state[7]!;
  const s8 = state[8]!, s9 = state[9]!, s10 = state[10]!, s11 = state[11]!;
  const s13 = state[13]!, s14 = state[14]!, s15 = state[15]!;
  let s12 = state[12]!;
  for (let at = 0; at < blocks * 16; at += 16) {
    let x0 = s0, x1 = s1, x2 = s2, x3 = s3;
    let x4 = s4, x5 = s5, x6 = s6, x7 = s7;
    let x8 = s8, x9 = s9, x10 = s10, x11 = s11;
    let x12 = s12, x13 = s13, x14 = s14, x15 = s15;
    for (let round = 0; round < 20; round += 2) {
      // Four column rounds, then four diagonal rounds (RFC 8439 section 2.3).
      x0 = (x0 + x4) | 0; x12 ^= x0; x12 = (x12 << 16) | (x12 >>> 16);
      x8 = (x8 + x12) | 0; x4 ^= x8; x4 = (x4 << 12) | (x4 >>> 20);
      x0 = (x0 + x4) | 0; x12 ^= x0; x12 = (x12 << 8) | (x12 >>> 24);
      x8 = (x8 + x12) | 0; x4 ^= x8; x4 = (x4 << 7) | (x4 >>> 25);
      x1 = (x1 + x5) | 0; x13 ^= x1; x13 = (x13 << 16) | (x13 >>> 16);
      x9 = (x9 + x13) | 0; x5 ^= x9; x5 = (x5 << 12) | (x5 >>> 20);
      x1 = (x1 + x5) | 0; x13 ^= x1; x13 = (x13 << 8) | (x13 >>> 24);
      x9 = (x9 + x13) | 0; x5 ^= x9; x5 = (x5 << 7) | (x5 >>> 25);
      x2 = (x2 + x6) | 0; x14 ^= x2; x14 = (x14 << 16) | (x14 >>> 16);
      x10 = (x10 + x14) | 0; x6 ^= x10; x6 = (x6 << 12) | (x6 >>> 20);
      x2 = (x2 + x6) | 0; x14 ^= x2; x14 = (x14 << 8) | (x14 >>> 24);
      x10 = (x10 + x14) | 0; x6 ^= x10; x6 = (x6 << 7) | (x6 >>> 25);
      x3 = (x3 + x7) | 0; x15 ^= x3; x15 = (x15 << 16) | (x15 >>> 16);
      x11 = (x11 + x15) | 0; x7 ^= x11; x7 = (x7 << 12) | (x7 >>> 20);
      x3 = (x3 + x7) | 0; x15 ^= x3; x15 = (x15 << 8) | (x15 >>> 24);
      x11 = (x11 + x15) | 0; x7 ^= x11; x7 = (x7 << 7) | (x7 >>> 25);
      x0 = (x0 + x5) | 0; x15 ^= x0; x15 = (x15 << 16) | (x15 >>> 16);
      x10 = (x10 + x15) | 0; x5 ^= x10; x5 = (x5 << 12) | (x5 >>> 20);
      x0 = (x0 + x5) | 0; x15 ^= x0; x15 = (x15 << 8) | (x15 >>> 24);
      x10 = (x10 + x15) | 0; x5 ^= x10; x5 = (x5 << 7) | (x5 >>> 25);
      x1 = (x1 + x6) | 0; x12 ^= x1; x12 = (x12 << 16) | (x12 >>> 16);
      x11 = (x11 + x12) | 0; x6 ^= x11; x6 = (x6 << 12) | (x6 >>> 20);
      x1 = (x1 + x6) | 0; x12 ^= x1; x12 = (x12 << 8) | (x12 >>> 24);
      x11 = (x11 + x12) | 0; x6 ^= x11; x6 = (x6 << 7) | (x6 >>> 25);
      x2 = (x2 + x7) | 0; x13 ^= x2; x13 = (x13 << 16) | (x13 >>> 16);
      x8 = (x8 + x13) | 0; x7 ^= x8; x7 = (x7 << 12) | (x7 >>> 20);
      x2 = (x2 + x7) | 0; x13 ^= x2; x13 = (x13 << 8) | (x13 >>> 24);
      x8 = (x8 + x13) | 0; x7 ^= x8; x7 = (x7 << 7) | (x7 >>> 25);
      x3 = (x3 + x4) | 0; x14 ^= x3; x14 = (x14 << 16) | (x14 >>> 16);
      x9 = (x9 + x14) | 0; x4 ^= x9; x4 = (x4 << 12) | (x4 >>> 20);
      x3 = (x3 + x4) | 0; x14 ^= x3; x14 = (x14 << 8) | (x14 >>> 24);
      x9 = (x9 + x14) | 0; x4 ^= x9; x4 = (x4 << 7) | (x4 >>> 25);
    }
    out[at + 0] = (x0 + s0) | 0;
    out[at + 1] = (x1 + s1) | 0;
    out[at + 2] = (x2 + s2) | 0;
    out[at + 3] = (x3 + s3) | 0;
    out[at + 4] = (x4 + s4) | 0;
    out[at + 5] = (x5 + s5) | 0;
    out[at + 6] = (x6 + s6) | 0;
    out[at + 7] = (x7 + s7) | 0;
    out[at + 8] = (x8 + s8) | 0;
    out[at + 9] = (x9 + s9) | 0;
    out[at + 10] = (x10 + s10) | 0;
    out[at + 11] = (x11 + s11) | 0;
    out[at + 12] = (x12 + s12) | 0;
    out[at + 13] = (x13 + s13) | 0;
    out[at + 14] = (x14 + s14) | 0;
    out[at + 15] = (x15 + s15) | 0;
    s12 = (s12 + 1) | 0;
  }
  state[12] = s12;
}
