import assert from "node:assert/strict";
import { guidBytes, newGuid } from "./guid.ts";

Deno.test("guidBytes() turns the first three fields around", () => {
  assert.deepEqual(
    guidBytes("00010203-0405-0607-0809-0a0b0c0d0e0f"),
    Uint8Array.of(3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15),
  );
});

Deno.test("newGuid() has the form that QEMU reads", () => {
  assert.match(newGuid(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});
