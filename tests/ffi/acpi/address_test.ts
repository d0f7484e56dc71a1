import assert from "node:assert/strict";
import { test } from "node:test";
import * as b from "./aml_builder.ts";
import { dsdt, find, refused } from "./helpers.ts";

const { int, ones, one, zero } = b;

function address(addr: b.Aml): bigint | undefined {
  return find(dsdt([b.name("ADDR", addr)]))?.address;
}

test("ADDR gives the low and the high half", () => {
  const pair = b.packageOf(2, b.dword(0xfffffff8), b.dword(0x000fffff));
  assert.equal(address(pair), 0xf_ffff_ffff_fff8n);
  assert.equal(address(b.packageOf(2, zero, one)), 0x1_0000_0000n);
  assert.equal(address(b.packageOf(2, int(8), zero)), 8n);
});

const REFUSED: readonly (readonly [string, b.Aml, RegExp])[] = [
  ["an integer", int(0x1000), /no package of two/],
  ["a string", b.string("0x1000"), /no package of two/],
  ["one element", b.packageOf(1, b.qword(0x1000n)), /no package of two/],
  ["three elements", b.packageOf(3, int(8), zero, zero), /no package of two/],
  ["an element left out", b.packageOf(2, int(8)), /is no integer/],
  ["no elements", b.packageOf(2), /is no integer/],
  ["a string element", b.packageOf(2, b.string("8"), zero), /is no integer/],
  ["a package element", b.packageOf(2, b.packageOf(0), zero), /is no integer/],
  ["zero", b.packageOf(2, zero, zero), /ADDR is zero/],
  ["4-byte alignment", b.packageOf(2, int(12), zero), /0xc is not 8-byte/],
  ["odd alignment", b.packageOf(2, int(0x1001), zero), /not 8-byte aligned/],
  ["a low half of 33 bits", b.packageOf(2, ones, zero), /more than 32 bits/],
  [
    "a high half of 33 bits",
    b.packageOf(2, int(8), b.qword(0x1_0000_0000n)),
    /more than 32 bits/,
  ],
  [
    "an address of 53 bits",
    b.packageOf(2, int(8), b.dword(0x00100000)),
    /0x10000000000008 is beyond 52 bits/,
  ],
];

for (const [title, addr, reason] of REFUSED) {
  test(`findVmGenId() refuses an ADDR with ${title}`, () => {
    const error = refused(() => address(addr), "acpi-address", reason);
    assert.equal(error.table, "DSDT");
  });
}
