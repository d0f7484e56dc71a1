import assert from "node:assert/strict";
import { test } from "node:test";
import { eisaId } from "../../../ffi/acpi/hardware_id.ts";
import * as b from "./aml_builder.ts";
import { dsdt, find, goodAddr } from "./helpers.ts";

test("eisaId() decodes compressed EISA IDs", () => {
  assert.equal(eisaId(0x020cd041), "PNP0C02");
  assert.equal(eisaId(0x0000ae60), "XEN0000");
});

test("_HID is given as text in every form", () => {
  const hid = (value: b.Aml) => find(dsdt([goodAddr, value]))?.hid;
  assert.equal(hid(b.name("_HID", b.string("AMZN0000"))), "AMZN0000");
  assert.equal(hid(b.name("_HID", b.eisaId("PNP0A03"))), "PNP0A03");
  assert.equal(
    hid(b.method("_HID", 0, b.returns(b.eisaId("XEN0000")))),
    "XEN0000",
  );
  assert.equal(hid(b.noop), "");
});

test("a _HID beyond the evaluator does not hide the device", () => {
  for (
    const value of [
      b.name("_HID", b.packageOf(0)),
      b.name("_HID", b.string("../../etc")),
      b.name("_HID", b.string("LINE\nBREAK")),
      b.name("_HID", b.zero),
      b.method("_HID", 1, b.returns(b.string("X"))),
      b.method("_HID", 0, b.loop(b.one)),
      b.device("_HID"),
    ]
  ) {
    const found = find(dsdt([goodAddr, value]));
    assert.equal(found?.hid, "");
    assert.equal(found?.address, 0x1000n);
  }
});
