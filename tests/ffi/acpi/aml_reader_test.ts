import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AmlReader } from "../../../ffi/acpi/aml_reader.ts";
import { readTables } from "../../../ffi/acpi/table.ts";
import { type Aml, hex, join, packed, path, table } from "./aml_builder.ts";
import { refused } from "./helpers.ts";

function reader(...parts: readonly Aml[]): AmlReader {
  const [read] = readTables([table({}, ...parts)]);
  return new AmlReader({ table: read!, offset: 36, end: read!.bytes.length });
}

test("packedLength() reads what packed() writes", () => {
  const ranges = [[0, 0x3f], [0, 0xfff], [0, 0xfffff], [0, 0xfffffff]];
  ranges.forEach(([min, max], more) => {
    fc.assert(fc.property(fc.integer({ min: min!, max: max! }), (value) => {
      assert.equal(reader(packed(value, more)).packedLength(), value);
    }));
  });
});

test("body() accepts a PkgLength that is not minimal", () => {
  const body = reader(hex("c5 00 00 00 aa")).body();
  assert.equal(body.byte(), 0xaa);
  assert.equal(body.done, true);
});

test("body() refuses a PkgLength shorter than its own encoding", () => {
  for (const listing of ["00", "40 00 00", "82 00 00 00", "c2 00 00 00 00"]) {
    const error = refused(
      () => reader(hex(listing)).body(),
      "acpi-malformed",
      /shorter than itself/,
    );
    assert.equal(error.offset, 36);
  }
});

test("body() refuses a PkgLength past the enclosing end", () => {
  const error = refused(
    () => reader(hex("04 04 00 00")).body().body(),
    "acpi-malformed",
    /enclosing end/,
  );
  assert.equal(error.offset, 37);
  refused(() => reader(hex("05 00 00 00")).body(), "acpi-malformed", /end/);
});

test("packedLength() refuses reserved bits when more bytes follow", () => {
  for (const lead of ["50", "60", "70", "90", "f0"]) {
    refused(
      () => reader(hex(`${lead} 00 00 00`)).packedLength(),
      "acpi-malformed",
      /reserved bits/,
    );
  }
});

test("packedLength() refuses to run past the end", () => {
  refused(() => reader(hex("c0 00")).packedLength(), "acpi-malformed", /end/);
});

test("name() reads every form of NameString", () => {
  for (
    const [text, root, parents, segments] of [
      ["\\", true, 0, []],
      ["", false, 0, []],
      ["^^", false, 2, []],
      ["FOO", false, 0, ["FOO"]],
      ["^BAR1", false, 1, ["BAR1"]],
      ["\\_SB.VGEN", true, 0, ["_SB", "VGEN"]],
      ["\\_SB.PCI0.ISA.VGID", true, 0, ["_SB", "PCI0", "ISA", "VGID"]],
      ["____", false, 0, ["_"]],
    ] as const
  ) {
    const from = reader(path(text));
    assert.deepEqual(from.name(), { root, parents, segments });
    assert.equal(from.done, true);
  }
});

test("name() refuses illegal characters", () => {
  for (const listing of ["30 41 41 41", "41 61 41 41", "41 41 41 00"]) {
    refused(
      () => reader(hex(listing)).name(),
      "acpi-malformed",
      /illegal character/,
    );
  }
});

test("name() refuses a MultiNamePath without segments", () => {
  refused(() => reader(hex("2f 00")).name(), "acpi-malformed", /no segment/);
});

test("name() refuses a MultiNamePath that the bytes cannot hold", () => {
  const aml = join(hex("2f ff"), path("AAAA"));
  refused(() => reader(aml).name(), "acpi-malformed", /bytes end/);
});

test("string() refuses a string without NUL before the end", () => {
  refused(() => reader(hex("41 42")).string(), "acpi-malformed", /no NUL/);
});

test("integer() is little-endian", () => {
  assert.equal(
    reader(hex("08 07 06 05 04 03 02 01")).integer(8),
    0x0102030405060708n,
  );
});

test("opcode() and peekOpcode() agree", () => {
  const from = reader(hex("5b 82 70 5b"));
  assert.equal(from.peekOpcode(), 0x5b82);
  assert.equal(from.opcode(), 0x5b82);
  assert.equal(from.peekOpcode(), 0x70);
  assert.equal(from.opcode(), 0x70);
  assert.equal(from.peekOpcode(), 0x5b);
  refused(() => from.opcode(), "acpi-malformed", /bytes end/);
});
