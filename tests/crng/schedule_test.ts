import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nextReseed } from "../../crng/mod.ts";

test("nextReseed() waits 1 s at first, then half the time since the fork, then 60 s", () => {
  assert.equal(nextReseed(0, 0), 1_000);
  assert.equal(nextReseed(2_000, 0), 3_000);
  assert.equal(nextReseed(3_000, 0), 4_500);
  assert.equal(nextReseed(120_000, 0), 180_000);
  assert.equal(nextReseed(1e9, 0), 1e9 + 60_000);
});

test("nextReseed() never waits less than 1 s or more than 60 s", () => {
  const time = fc.double({ min: 0, max: 1e12, noNaN: true });
  fc.assert(fc.property(time, time, (last, forkSeenAt) => {
    const wait = nextReseed(last, forkSeenAt) - last;
    // A double near 1e12 has steps of 1e-4.
    assert.ok(wait >= 1_000 - 1e-3 && wait <= 60_000 + 1e-3);
  }));
});
