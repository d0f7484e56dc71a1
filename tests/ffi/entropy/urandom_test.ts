import assert from "node:assert/strict";
import { test } from "node:test";
import { SEED_LENGTH } from "../../../crng/mod.ts";
import { openUrandom } from "../../../ffi/entropy/urandom.ts";

const isZero = (bytes: Uint8Array): boolean =>
  bytes.every((byte) => byte === 0);

test("openUrandom() fills a seed in the order that a seed has, and nonces", () => {
  const entropy = openUrandom()!;
  try {
    const seed = new Uint8Array(SEED_LENGTH);
    entropy.fill(seed);
    // 32 random bytes are all zero with a probability of 2^-256.
    assert.ok(!isZero(seed.subarray(0, 32)));
    assert.ok(isZero(seed.subarray(32, 64))); // no CPU randomness without a shim
    assert.ok(!isZero(seed.subarray(64, 72))); // the clock
    assert.ok(!isZero(seed.subarray(72)));
    const [a, b] = [new Uint8Array(12), new Uint8Array(12)];
    entropy.nonce(a);
    entropy.nonce(b);
    assert.notDeepEqual(a, b); // equal with a probability of 2^-96
  } finally {
    entropy.close();
  }
});

test("openUrandom() refuses every file but the kernel's device 1:9", () => {
  for (const path of ["/dev/zero", "/dev/null", "/etc/hostname", "/tmp"]) {
    assert.throws(() => openUrandom(path), { code: "level-unavailable" }, path);
  }
});

test("openUrandom() finds nothing where there is nothing", () => {
  assert.equal(openUrandom("/dev/no-such-device"), undefined);
});

test("openUrandom() finds nothing where the system refuses to open it, as without the right to", () => {
  // ENOTDIR in place of EACCES, which root never meets
  assert.equal(openUrandom("/dev/null/urandom"), undefined);
});
