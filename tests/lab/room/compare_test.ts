import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countRepeated, countShared, lastShared } from "./compare.ts";

describe("countShared()", () => {
  it("counts what stands in both lists, wherever", () => {
    assert.equal(countShared([1, 2, 3], [2, 3, 4]), 2);
    assert.equal(countShared([1], [2]), 0);
  });
});

describe("lastShared()", () => {
  it("gives the later of the two places", () => {
    assert.equal(lastShared([1, 2, 3, 9], [2, 3, 4, 5]), 2);
    assert.equal(lastShared([2, 3, 4, 5], [1, 2, 3, 9]), 2);
    assert.equal(lastShared([1], [2]), -1);
  });
});

describe("countRepeated()", () => {
  it("counts in every list what stands in another one", () => {
    assert.equal(countRepeated([[1, 2], [2, 3], [4]]), 2);
    assert.equal(countRepeated([[1, 2], [3, 4]]), 0);
  });
});
