import assert from "node:assert/strict";
import { test } from "node:test";
import {
  KEY_STREAM_SIZE,
  KeyStream,
  LONGEST_BUFFERED,
  pieceSize,
} from "../../crng/key_stream.ts";

const NONCE = new Uint8Array(12);

/** A stream with a key, and the memory it lies in. */
function keyed(): { stream: KeyStream; memory: Uint8Array } {
  const buffer = new ArrayBuffer(KEY_STREAM_SIZE);
  const stream = new KeyStream(buffer);
  stream.key.fill(0x42);
  return { stream, memory: new Uint8Array(buffer) };
}

/** Whether 8 bytes or more of `bytes` stand in the memory, at any place. */
function holds(memory: Uint8Array, bytes: Uint8Array): boolean {
  const text = memory.join() + ",";
  for (let i = 0; i + 8 <= bytes.length; i += 4) {
    if (text.includes(`${bytes.subarray(i, i + 8).join()},`)) return true;
  }
  return false;
}

// A chance match of 8 bytes among some 5,000 places has a probability of 3e-16; the bytes are fixed, so that
// each test passes always or never.

test("KeyStream erases bytes from its memory as they leave", () => {
  for (const length of [8, 16, 31, 128, 129, 500, LONGEST_BUFFERED]) {
    const { stream, memory } = keyed();
    stream.refill(NONCE);
    const out = new Uint8Array(length);
    stream.take(out);
    assert.ok(!holds(memory, out), String(length));
  }
});

test("KeyStream erases words, and the bytes that rounding skips", () => {
  const { stream, memory } = keyed();
  stream.refill(NONCE);
  const before = memory.slice();
  stream.take(new Uint8Array(1));
  stream.takeWord();
  stream.takeWord();
  const changed = memory.reduce(
    (n, byte, i) => n + (byte !== before[i] ? 1 : 0),
    0,
  );
  assert.ok(changed >= 11); // 12 bytes, of which one in 256 was zero before
  stream.take(new Uint8Array(2));
  assert.equal(stream.left, LONGEST_BUFFERED - 16);
});

test("KeyStream keeps no old key, and the new one in one place only", () => {
  const { stream, memory } = keyed();
  const old = stream.key.slice();
  stream.refill(NONCE);
  assert.ok(!holds(memory, old));
  assert.ok(!holds(memory.subarray(32), stream.key));
  const second = stream.key.slice();
  stream.produceLarge(new Uint8Array(5000), NONCE);
  assert.ok(!holds(memory, second));
  assert.ok(!holds(memory.subarray(32), stream.key));
});

test("KeyStream keeps nothing of a large draw", () => {
  for (const length of [1, 32, 33, 993, 4064, 4065, 20_000]) {
    const { stream, memory } = keyed();
    stream.produceLarge(new Uint8Array(length), NONCE);
    assert.ok(memory.subarray(32).every((byte) => byte === 0), String(length));
  }
});

test("KeyStream erases its buffer, the rest of it, or everything", () => {
  const { stream, memory } = keyed();
  stream.refill(NONCE);
  stream.eraseBuffer();
  assert.equal(stream.left, 0);
  assert.ok(memory.subarray(32).every((byte) => byte === 0));
  stream.refill(NONCE);
  stream.take(new Uint8Array(100));
  stream.eraseRest();
  assert.equal(stream.left, 0);
  assert.ok(memory.subarray(32).every((byte) => byte === 0));
  stream.refill(NONCE);
  stream.wipe();
  assert.ok(memory.every((byte) => byte === 0));
});

test("pieceSize() is a positive number of whole blocks for every length there is", () => {
  for (
    const all of [
      33,
      64,
      65,
      4095,
      4096,
      4097,
      2 ** 31 - 96,
      2 ** 31 - 1,
      2 ** 31 + 31,
      2 ** 32,
      2 ** 33,
    ]
  ) {
    const size = pieceSize(all);
    assert.ok(size > 0 && size <= 4096 && size % 64 === 0, `${all}: ${size}`);
    assert.ok(size >= Math.min(all, 4096));
  }
});
