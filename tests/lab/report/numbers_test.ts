import assert from "node:assert/strict";
import { it } from "node:test";
import { duration, power, quantile, roundUp } from "./numbers.ts";

it("duration() takes the unit that suits", () => {
  assert.deepEqual(
    [0.05, 1.25, 250.4, 60_000, 600_000].map(duration),
    ["50 µs", "1.3 ms", "250 ms", "60 s", "10 min"],
  );
});

it("power() takes the least room", () => {
  assert.deepEqual(
    [0, 1, 100, 1_000, 10_000, 1_000_000].map(power),
    ["0", "1", "100", "1k", "10k", "1M"],
  );
});

it("quantile() finds the least, the middle and the most", () => {
  assert.deepEqual([0, 0.5, 1].map((share) => quantile([9, 1, 5], share)), [
    1,
    5,
    9,
  ]);
});

it("roundUp() goes to 1, 2 or 5 times a power of ten", () => {
  assert.deepEqual([0.3, 1, 1.1, 4, 70].map(roundUp), [0.5, 1, 2, 5, 100]);
});
