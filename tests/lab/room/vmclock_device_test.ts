import assert from "node:assert/strict";
import { test } from "node:test";
import { findVmClock } from "../../../ffi/mod.ts";
import {
  clockPage,
  clockTable,
  forked,
  forkedToSilence,
  migrated,
} from "./vmclock_device.ts";

// struct vmclock_abi: size and magic; seq_count, then padding, counter_id and version.
const HEAD = 0x1000_4b4c4356n;
const SEQUENCE_2 = 0x2_00ff_0001n;
const SEQUENCE_4 = 0x4_00ff_0001n;

/** Words of the page after a change. */
function words(change: (page: DataView) => void): bigint[] {
  const { content } = clockPage({ notifies: true });
  const page = new DataView(content.slice().buffer);
  change(page);
  return [0x0, 0x8, 0x10, 0x18, 0x68].map((at) => page.getBigUint64(at, true));
}

test("clockTable() describes the page of clockPage(), and GPE 5 notifies it", () => {
  const [[path, table] = []] = Object.entries(clockTable());
  assert.equal(path, "/kernel/firmware/acpi/vmclock.aml");
  assert.deepEqual(findVmClock([table!], () => 0n), {
    path: "\\_SB.VCLK",
    hid: "AMZNC10C",
    address: BigInt(clockPage({ notifies: true }).address),
    length: 4096n,
    notifiedBy: "\\_GPE._E05",
  });
});

test("clockPage() says that it counts generations, and whether it notifies", () => {
  assert.deepEqual(words(() => {}), [HEAD, SEQUENCE_2, 1n, 0x300n, 1n]);
  const { content } = clockPage({ notifies: false });
  assert.equal(new DataView(content.buffer).getUint16(0x18, true), 0x100);
});

test("A fork moves the counter of generations, a live migration the marker alone", () => {
  assert.deepEqual(words(migrated), [HEAD, SEQUENCE_4, 2n, 0x300n, 1n]);
  assert.deepEqual(words(forked), [HEAD, SEQUENCE_4, 2n, 0x300n, 2n]);
  assert.deepEqual(words(forkedToSilence)[3], 0x100n);
});
