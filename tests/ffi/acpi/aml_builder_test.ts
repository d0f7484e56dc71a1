import assert from "node:assert/strict";
import { test } from "node:test";
import { hex, pkg } from "./aml_builder.ts";
import { awsTable, firecrackerDevice, qemuTable } from "./forms.ts";

const VM_GEN_COUNTER = "56 4d 5f 47 65 6e 5f 43 6f 75 6e 74 65 72 00";
const CID = `08 5f 43 49 44 0d ${VM_GEN_COUNTER}`;
const DDN = `08 5f 44 44 4e 0d ${VM_GEN_COUNTER}`;

test("the builder gives the bytes that QEMU gives", () => {
  const listing = hex(`
    08 56 47 49 41 0c 00 f0 ff 1f
    10 41 08 5c 5f 53 42 5f
    5b 82 48 07 56 47 45 4e
    08 5f 48 49 44 0d 51 45 4d 55 56 47 49 44 00 ${CID} ${DDN}
    14 17 5f 53 54 41 00 70 0a 0f 60
    a0 0a 93 56 47 49 41 00 70 00 60 a4 60
    14 20 41 44 44 52 00 70 12 02 02 60
    70 72 56 47 49 41 0a 28 00 88 60 00 00
    70 00 88 60 01 00 a4 60
    14 19 5c 2e 5f 47 50 45 5f 45 30 35 00
    86 5c 2e 5f 53 42 5f 56 47 45 4e 0a 80`);
  const built = qemuTable(0x1ffff000);
  assert.equal(built.length, 0xca);
  assert.deepEqual(built.subarray(36), listing);
});

test("the builder gives the length, checksum and bytes that AWS gives", () => {
  const listing = hex(`
    10 46 05 5c 5f 53 42 5f 5b 82 4d 04 56 4d 47 4e ${CID} ${DDN}
    08 5f 48 49 44 0d 41 4d 5a 4e 30 30 30 30 00
    08 41 44 44 52 12 08 02 0c 00 10 d0 fe 00`);
  assert.equal(awsTable.length, 0x7b);
  assert.equal(awsTable[9], 0xb8);
  assert.deepEqual(awsTable.subarray(36), listing);
});

test("the builder gives the bytes that Firecracker gives", () => {
  const listing = hex(`
    5b 82 46 05 2e 5f 53 42 5f 56 47 45 4e
    08 5f 48 49 44 0d 56 4d 47 45 4e 43 54 52 00 ${CID} ${DDN}
    08 41 44 44 52 12 0c 02 0c f0 ff 0d 00 0c 00 00 00 00`);
  assert.deepEqual(firecrackerDevice, listing);
});

test("pkg() counts its own bytes at every step of the encoding", () => {
  for (const size of [0, 62, 63, 4093, 4094, 65_536, 1_048_572, 1_048_573]) {
    const bytes = pkg(new Uint8Array(size));
    const more = bytes[0]! >> 6;
    const length = more === 0 ? bytes[0]! : bytes.subarray(1, 1 + more).reduce(
      (sum, byte, i) => sum + byte * 2 ** (4 + 8 * i),
      bytes[0]! & 0x0f,
    );
    assert.equal(length, bytes.length);
  }
});
