import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { blake2s } from "@noble/hashes/blake2.js";
import fc from "fast-check";
import { Blake2s } from "../../crng/mod.ts";
import { fromHex, toHex } from "../hex.ts";
import vectors from "../vectors/blake2s.json" with { type: "json" };

/** The input of the vectors: the first n bytes of 00 01 02 .. ff. */
const counting = (n: number): Uint8Array =>
  Uint8Array.from({ length: n }, (_, i) => i);

function digest(message: Uint8Array, key?: Uint8Array): Uint8Array {
  const out = new Uint8Array(32);
  const hash = new Blake2s(key);
  hash.update(message);
  hash.digestInto(out);
  return out;
}

test("Blake2s gives the digest of RFC 7693 appendix B", () => {
  const { message, digest: expected } = vectors.abc;
  assert.equal(toHex(digest(fromHex(message))), expected);
});

test("Blake2s passes the self-test of RFC 7693 appendix E, with digests of 32 bytes", () => {
  // The procedure of the RFC: digests of generated messages, hashed together.
  const generate = (length: number, seed: number): Uint8Array => {
    const out = new Uint8Array(length);
    let a = Math.imul(0xdead4bad, seed);
    let b = 1;
    for (let i = 0; i < length; i++) {
      const t = (a + b) | 0;
      a = b;
      b = t;
      out[i] = t >>> 24;
    }
    return out;
  };
  const grand = new Blake2s();
  for (const length of [0, 3, 64, 65, 255, 1024]) {
    const message = generate(length, length);
    grand.update(digest(message));
    grand.update(digest(message, generate(32, 32)));
  }
  const out = new Uint8Array(32);
  grand.digestInto(out);
  assert.equal(toHex(out), vectors.selfTest.grandHash32);
});

test("Blake2s agrees with hashlib.blake2s at every length up to 130, keyed and not", () => {
  assert.equal(vectors.lengths.length, 131);
  for (const { length, digest: unkeyed, keyed } of vectors.lengths) {
    assert.equal(toHex(digest(counting(length))), unkeyed);
    assert.equal(toHex(digest(counting(length), counting(32))), keyed);
  }
});

test("Blake2s agrees with hashlib.blake2s at every key length", () => {
  assert.equal(vectors.keyLengths.length, 32);
  for (const { keyLength, digest: expected } of vectors.keyLengths) {
    assert.equal(toHex(digest(counting(100), counting(keyLength))), expected);
  }
});

test("Blake2s agrees with @noble/hashes and node:crypto however the message is cut", () => {
  const bytes = fc.uint8Array({ maxLength: 400 });
  fc.assert(fc.property(
    fc.array(bytes, { maxLength: 6 }),
    fc.uint8Array({ maxLength: 32 }),
    (parts, key) => {
      const message = Uint8Array.from(parts.flatMap((part) => [...part]));
      const hash = new Blake2s(key);
      for (const part of parts) hash.update(part);
      const out = new Uint8Array(32);
      hash.digestInto(out);
      assert.deepEqual(
        out,
        blake2s(message, key.length > 0 ? { key: Uint8Array.from(key) } : {}),
      );
      if (key.length === 0) {
        const node = createHash("blake2s256").update(message).digest();
        assert.deepEqual(out, Uint8Array.from(node));
      }
    },
  ));
});

test("Blake2s starts afresh after init(), whatever came before", () => {
  const hash = new Blake2s(counting(7));
  hash.update(counting(100));
  hash.init();
  hash.update(fromHex(vectors.abc.message));
  const out = new Uint8Array(32);
  hash.digestInto(out);
  assert.equal(toHex(out), vectors.abc.digest);
});

test("Blake2s goes on from a copied state", () => {
  const first = new Blake2s();
  first.update(counting(70));
  const second = new Blake2s(counting(3));
  second.copyFrom(first);
  second.update(counting(60));
  const out = new Uint8Array(32);
  second.digestInto(out);
  const whole = Uint8Array.of(...counting(70), ...counting(60));
  assert.equal(toHex(out), toHex(digest(whole)));
});

test("Blake2s refuses a key of more than 32 bytes", () => {
  assert.throws(() => new Blake2s(new Uint8Array(33)), RangeError);
});
