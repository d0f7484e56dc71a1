import assert from "node:assert/strict";
import { it } from "node:test";
import { duration, quantile, roundUp } from "./numbers.ts";

it("duration() takes the unit that suits", () => {
  assert.deepEqual(
    [0.05, 1.25, 250.4, 60_000, 600_000].map(duration),
    ["50 µs", "1.3 ms", "250 ms", "60 s", "10 min"],
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
