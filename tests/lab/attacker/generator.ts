/** The generator as its definition has it, without hardware randomness: what an attacker computes. */

import { Blake2s } from "../../../crng/blake2s.ts";
import { chacha20Blocks, CHACHA_CONSTANTS } from "../../../crng/chacha20.ts";

const KEY_SIZE = 32;
const REFILL_BLOCKS = 16;
const BLOCK_SIZE = 64;

const state = new Int32Array(16);
const words = new Int32Array(REFILL_BLOCKS * BLOCK_SIZE / 4);
const bytes = new Uint8Array(words.buffer);

/** The first block of the next refill: the key after it, then the first 32 bytes to be drawn. */
export function nextBlock(key: Int32Array, block: Uint8Array): void {
  makeBlocks(key, 1);
  block.set(bytes.subarray(0, BLOCK_SIZE));
}

/** What is drawn from a key on, in draws of `size` bytes, refill after refill. */
export function* drawsFrom(
  key: Uint8Array<ArrayBuffer>,
  size: number,
): Generator<string> {
  for (let current = key;;) {
    makeBlocks(new Int32Array(current.buffer), REFILL_BLOCKS);
    const refill = bytes.slice();
    current = refill.slice(0, KEY_SIZE);
    for (let at = KEY_SIZE; at + size <= refill.length; at += size) {
      yield refill.subarray(at, at + size).toHex();
    }
  }
}

/** The key after one refill. */
export function keyAfterRefill(
  key: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  makeBlocks(new Int32Array(key.buffer), 1);
  return bytes.slice(0, KEY_SIZE);
}

/** The strategy `injection`: BLAKE2s(key || id). */
export function injected(
  key: Uint8Array,
  id: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const hash = new Blake2s();
  hash.update(key);
  hash.update(id);
  const next = new Uint8Array(KEY_SIZE);
  hash.digestInto(next);
  return next;
}

/** Counter 0 and a nonce of zeros: what a CPU without randomness of its own gives. */
function makeBlocks(key: Int32Array, count: number): void {
  state.fill(0);
  for (let i = 0; i < 4; i++) state[i] = CHACHA_CONSTANTS[i]!;
  state.set(key, 4);
  chacha20Blocks(state, words, count);
}
