import assert from "node:assert/strict";
import { test } from "node:test";
import { findVmGenId } from "../../../ffi/acpi/mod.ts";
import { readTables } from "../../../ffi/acpi/table.ts";
import { type Aml, device, join, table } from "./aml_builder.ts";
import { cid, dsdt, find, goodAddr, noMemory, refused } from "./helpers.ts";

function withLength(aml: Aml, length: number): Aml {
  const bytes = aml.slice();
  new DataView(bytes.buffer).setUint32(4, length, true);
  return bytes;
}

test("findVmGenId() finds nothing in no table and in empty tables", () => {
  assert.equal(findVmGenId([], noMemory), undefined);
  assert.equal(find(table({})), undefined);
});

test("findVmGenId() refuses less bytes than a header", () => {
  for (const length of [0, 1, 4, 35]) {
    const error = refused(
      () => find(table({}).subarray(0, length)),
      "acpi-malformed",
      /shorter than its header/,
    );
    assert.equal(error.offset, 0);
    assert.equal(error.table, length === 0 ? "#0" : error.table);
  }
});

test("findVmGenId() refuses a length field below 36 or beyond the bytes", () => {
  const good = dsdt([goodAddr]);
  for (const length of [0, 35, good.length + 1, 0xffffffff]) {
    const error = refused(
      () => find(withLength(good, length)),
      "acpi-malformed",
      new RegExp(`length of ${length} bytes for ${good.length}`),
    );
    assert.equal(error.table, "DSDT");
    assert.equal(error.offset, 4);
  }
});

test("findVmGenId() refuses a table that is no DSDT or SSDT", () => {
  refused(
    () => find(table({ signature: "FACP" })),
    "acpi-malformed",
    /no DSDT or SSDT/,
  );
});

test("findVmGenId() refuses a table beyond 1 MiB", () => {
  const aml = table({}, new Uint8Array((1 << 20) - 35));
  refused(() => find(aml), "acpi-limit", /1048576 bytes/);
});

test("findVmGenId() ignores bytes after the table's length", () => {
  const second = device("SECO", cid, goodAddr);
  const aml = join(dsdt([goodAddr]), second);
  assert.equal(find(aml)?.address, 0x1000n);
});

test("findVmGenId() tolerates a wrong checksum, as the kernel does", () => {
  const aml = dsdt([goodAddr]);
  aml[9]! ^= 0xff;
  assert.equal(find(aml)?.address, 0x1000n);
});

test("findVmGenId() reads a table within a larger buffer", () => {
  const aml = dsdt([goodAddr]);
  const outer = join(new Uint8Array(7), aml, new Uint8Array(5));
  assert.equal(find(outer.subarray(7, 7 + aml.length))?.address, 0x1000n);
});

test("readTables() labels the tables as Linux does", () => {
  const ssdt = table({ signature: "SSDT" });
  const labels = (...tables: Aml[]) =>
    readTables(tables).map(({ label }) => label);
  assert.deepEqual(labels(table({}), ssdt), ["DSDT", "SSDT"]);
  assert.deepEqual(labels(table({}), ssdt, ssdt), ["DSDT", "SSDT1", "SSDT2"]);
});

test("readTables() shows identifiers in printable ASCII only", () => {
  const [read] = readTables([
    table({ oemId: "A\x07B\xff\0\0", oemTableId: "\n\0X\0\0\0\0\0" }),
  ]);
  assert.equal(read!.oemId, "A?B?");
  assert.equal(read!.oemTableId, "? X");
});
