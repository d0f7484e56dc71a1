import assert from "node:assert/strict";
import { test } from "node:test";
import { findVmGenId } from "../../../ffi/acpi/mod.ts";
import { ascii, join, raw } from "./aml_builder.ts";
import { FORMS, machine } from "./forms.ts";

for (const { title, tables, memory, expected, widths } of FORMS) {
  test(`findVmGenId() resolves ${title}`, () => {
    const { reads, readPhysical } = machine(memory);
    assert.deepEqual(findVmGenId(tables, readPhysical), expected);
    assert.deepEqual(
      reads,
      expected.regionReads.map((address, i) => ({
        address,
        width: widths[i],
      })),
    );
  });
}

/**
 * A second opinion that shares no code with the reader: the name of the
 * innermost Device whose PkgLength covers the identifier.
 */
function innermostDevice(table: Uint8Array): string {
  const id = join(raw(0x0d), ascii("VM_Gen_Counter"), raw(0));
  const at = table.findIndex((_, i) =>
    id.every((byte, j) => table[i + j] === byte)
  );
  assert.notEqual(at, -1);
  for (let i = at; i > 36; i--) {
    if (table[i - 2] !== 0x5b || table[i - 1] !== 0x82) continue;
    const more = table[i]! >> 6;
    let length = table[i]! & (more === 0 ? 0x3f : 0x0f);
    for (let j = 0; j < more; j++) length += table[i + 1 + j]! << 4 + 8 * j;
    if (i + length < at) continue;
    const name = String.fromCharCode(...table.subarray(i + 1 + more, at));
    return /^\\?(?:\.[A-Z_]{4})?([A-Z_0-9]{4})/.exec(name)![1]!;
  }
  assert.fail("No device covers the identifier");
}

for (const { title, tables, expected } of FORMS) {
  test(`an independent search agrees on the device of ${title}`, () => {
    const name = innermostDevice(tables[tables.length - 1]!);
    assert(expected.path.endsWith(`.${name}`), name);
  });
}
