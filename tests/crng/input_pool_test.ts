import assert from "node:assert/strict";
import { test } from "node:test";
import { InputPool } from "../../crng/mod.ts";
import { fromHex, toHex } from "../hex.ts";
import vectors from "../vectors/input_pool.json" with { type: "json" };

test("InputPool mixes and extracts as an independent program computes", () => {
  let extractions = 0;
  for (const { name, steps } of vectors.cases) {
    const pool = new InputPool();
    for (const step of steps) {
      if (step.op === "mix") {
        pool.mix(fromHex(step.data!));
      } else {
        const out = new Uint8Array(32);
        pool.extract(fromHex(step.seedBlock!), out);
        assert.equal(toHex(out), step.out, name);
        extractions++;
      }
    }
  }
  assert.ok(extractions >= vectors.cases.length);
});

test("InputPool goes on from the same state after a wipe", () => {
  const pool = new InputPool();
  pool.mix(Uint8Array.of(1));
  pool.wipe();
  const out = new Uint8Array(32);
  pool.extract(new Uint8Array(32), out);
  assert.notEqual(toHex(out), "00".repeat(32));
});
