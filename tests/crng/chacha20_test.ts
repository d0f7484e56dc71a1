import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import { chacha20 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import { chacha20Blocks, CHACHA_CONSTANTS } from "../../crng/mod.ts";
import { fromHex, toHex } from "../hex.ts";
import vectors from "../vectors/chacha20.json" with { type: "json" };

function blocks(
  key: Uint8Array,
  counter: number,
  nonce: Uint8Array,
  count: number,
): Uint8Array {
  const state = new Int32Array(16);
  state.set(CHACHA_CONSTANTS);
  const bytes = new Uint8Array(state.buffer);
  bytes.set(key, 16);
  state[12] = counter;
  bytes.set(nonce, 52);
  const out = new Int32Array(16 * count);
  chacha20Blocks(state, out, count);
  assert.equal(state[12], (counter + count) | 0);
  return new Uint8Array(out.buffer);
}

/** The block function as RFC 8439 section 2.3.1 writes it down, slow and plain. */
function slowBlock(
  key: Uint8Array,
  counter: number,
  nonce: Uint8Array,
): Uint8Array {
  const input = new Uint8Array(64);
  new Uint32Array(input.buffer, 0, 4).set(CHACHA_CONSTANTS);
  input.set(key, 16);
  new DataView(input.buffer).setUint32(48, counter >>> 0, true);
  input.set(nonce, 52);
  const initial = new Uint32Array(input.buffer);
  const s = initial.slice();
  const rotate = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
  const quarter = (a: number, b: number, c: number, d: number): void => {
    const steps: [number, number, number, number][] = [
      [a, b, d, 16],
      [c, d, b, 12],
      [a, b, d, 8],
      [c, d, b, 7],
    ];
    for (const [x, y, z, n] of steps) {
      s[x] = s[x]! + s[y]!;
      s[z] = rotate(s[z]! ^ s[x]!, n);
    }
  };
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 4; j++) quarter(j, j + 4, j + 8, j + 12);
    for (let j = 0; j < 4; j++) {
      quarter(j, 4 + (j + 1) % 4, 8 + (j + 2) % 4, 12 + (j + 3) % 4);
    }
  }
  return new Uint8Array(s.map((word, i) => word + initial[i]!).buffer);
}

test("chacha20Blocks() gives the blocks of RFC 8439 2.3.2 and A.1, and computed ones", () => {
  assert.equal(vectors.blocks.length, 26);
  for (const { key, counter, nonce, block, name } of vectors.blocks) {
    const out = blocks(fromHex(key), counter, fromHex(nonce), 1);
    assert.equal(toHex(out), block, name);
  }
});

test("chacha20Blocks() agrees with a slow twin, @noble/ciphers and OpenSSL", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.uint8Array({ minLength: 12, maxLength: 12 }),
    fc.integer({ min: 0, max: 2 ** 32 - 20 }),
    fc.integer({ min: 1, max: 17 }),
    (key, nonce, counter, count) => {
      const out = blocks(key, counter, nonce, count);
      const zeros = new Uint8Array(64 * count);
      for (let i = 0; i < count; i++) {
        const block = out.slice(64 * i, 64 * (i + 1));
        assert.deepEqual(block, slowBlock(key, counter + i, nonce));
      }
      assert.deepEqual(
        out,
        chacha20(
          Uint8Array.from(key),
          Uint8Array.from(nonce),
          zeros,
          undefined,
          counter,
        ),
      );
      const iv = new Uint8Array(16);
      new DataView(iv.buffer).setUint32(0, counter, true);
      iv.set(nonce, 4);
      const openssl = createCipheriv("chacha20", key, iv).update(zeros);
      assert.deepEqual(out, Uint8Array.from(openssl));
    },
  ));
});

test("chacha20Blocks() writes nothing past the blocks it was asked for", () => {
  const state = new Int32Array(16);
  const out = new Int32Array(40).fill(7);
  chacha20Blocks(state, out, 2);
  assert.deepEqual([...out.subarray(32)], Array(8).fill(7));
});
