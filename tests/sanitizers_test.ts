import assert from "node:assert/strict";
import { defaultCrng, getRandom, protection } from "../mod.ts";

// Deno's own test API here, for its sanitizers: they fail a test that leaves a library or file open.
Deno.test({
  name: "A test that closes the default generator leaves nothing open",
  sanitizeResources: true,
  sanitizeOps: true,
  permissions: { ffi: true },
  fn() {
    using _closed = defaultCrng();
    assert.equal(getRandom(32).length, 32);
  },
});

Deno.test({
  name: "A test that only asks for protection() can close what that opened",
  sanitizeResources: true,
  permissions: { ffi: true },
  fn() {
    using _closed = defaultCrng();
    assert.equal(protection().shim, "memfd");
  },
});

Deno.test({
  name: "A test without permissions leaves nothing open after the refusal",
  sanitizeResources: true,
  permissions: "none",
  fn() {
    assert.equal(protection().level, "none");
    assert.throws(() => getRandom(1), { code: "permission-denied" });
  },
});
