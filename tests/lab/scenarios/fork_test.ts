import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DrawRecord } from "../guest/records.ts";
import { compare } from "./fork.ts";

const POSITION = 10;

/** Records of 16 bytes each, the first of them drawn just after the fork. */
function records(...values: number[]): DrawRecord[] {
  return values.map((value, i) => ({
    sequence: POSITION + 1 + i,
    before: 1,
    after: 2,
    ms: 100 + 5 * i,
    value: new Uint8Array(16).fill(value),
  }));
}

function comparisonOf(a: number[], b: number[]) {
  return compare(records(...a), records(...b), POSITION, 100);
}

describe("compare()", () => {
  it("says when the draws part", () => {
    assert.deepEqual(comparisonOf([1, 2, 3, 4], [1, 2, 5, 6]), {
      draws: 4,
      equal: 2,
      prefix: 2,
      bytes: 32,
      partedAfterMs: 10,
    });
  });

  it("sees what is equal at another place, and when that ends", () => {
    assert.deepEqual(comparisonOf([1, 2, 3, 8, 9], [2, 3, 5, 6, 7]), {
      draws: 5,
      equal: 2,
      prefix: 0,
      bytes: 32,
      partedAfterMs: 15,
    });
  });

  it("never says that streams part which are only shifted", () => {
    const { prefix, partedAfterMs } = comparisonOf([1, 2, 3, 4], [2, 3, 4, 5]);
    assert.deepEqual([prefix, partedAfterMs], [0, null]);
  });

  it("says 0 where nothing is equal, and never where all is", () => {
    assert.equal(comparisonOf([1, 2], [3, 4]).partedAfterMs, 0);
    assert.equal(comparisonOf([1, 2], [1, 2]).partedAfterMs, null);
  });
});
