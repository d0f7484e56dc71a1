/**
 * The hypervisor's side of a vmclock that counts generations and notifies, after Linux's <linux/vmclock-abi.h>
 * and UAPI.13. QEMU's does neither: so the lab writes the page itself, and describes the device in a table of its
 * own, which takes the place of that of QEMU's unique id. What QEMU raises for the id is then this device's
 * notification: GPE 5, each time that a machine has come in.
 */

import * as aml from "../../ffi/acpi/aml_builder.ts";
import type { HostPage } from "./host_page.ts";

/** Above what the kernel unpacks itself to, and below its initramfs. */
const ADDRESS = 0x800_0000;
const PAGE = 4096;

// struct vmclock_abi: where its fields are.
const MAGIC = 0x00;
const SIZE = 0x04;
const VERSION = 0x08;
const COUNTER_ID = 0x0a;
const SEQUENCE = 0x0c;
const DISRUPTION_MARKER = 0x10;
const FLAGS = 0x18;
const GENERATION_COUNTER = 0x68;

const VCLK = 0x4b4c4356;
const NO_COUNTER = 0xff;
const COUNTER_PRESENT = 1n << 8n;
const NOTIFICATION_PRESENT = 1n << 9n;

/**
 * Where Linux takes tables from instead of the firmware's: Documentation/admin-guide/acpi/initrd_table_override.rst.
 * It goes by signature, OEM id and OEM table id, and takes a higher revision only.
 */
const TABLE_PATH = "/kernel/firmware/acpi/vmclock.aml";

/** The page of such a device when the machine is switched on. */
export function clockPage({ notifies }: { notifies: boolean }): HostPage {
  const content = new Uint8Array(PAGE);
  const page = new DataView(content.buffer);
  page.setUint32(MAGIC, VCLK, true);
  page.setUint32(SIZE, PAGE, true);
  page.setUint16(VERSION, 1, true);
  page.setUint8(COUNTER_ID, NO_COUNTER);
  page.setUint32(SEQUENCE, 2, true);
  page.setBigUint64(DISRUPTION_MARKER, 1n, true);
  const flags = COUNTER_PRESENT | (notifies ? NOTIFICATION_PRESENT : 0n);
  page.setBigUint64(FLAGS, flags, true);
  page.setBigUint64(GENERATION_COUNTER, 1n, true);
  return { address: ADDRESS, content };
}

/** The files of a guest that is to find the device. */
export function clockTable(): Record<string, Uint8Array> {
  return {
    [TABLE_PATH]: aml.table(
      {
        signature: "SSDT",
        oemId: "BOCHS ",
        oemTableId: "VMGENID",
        oemRevision: 2,
      },
      aml.device(
        "\\_SB.VCLK",
        aml.name("_HID", aml.string("AMZNC10C")),
        aml.name("_CID", aml.string("VMCLOCK")),
        aml.name("_CRS", aml.buffer(memoryResource(ADDRESS, PAGE))),
      ),
      aml.method(
        "\\_GPE._E05",
        0,
        aml.notify(aml.path("\\_SB.VCLK"), aml.byte(0x80)),
      ),
    ),
  };
}

/** ACPI 6.5 section 6.4.3.4: Memory32Fixed, read-only, and the end tag of 6.4.2.9. */
function memoryResource(address: number, length: number): Uint8Array {
  const bytes = new Uint8Array(14);
  const view = new DataView(bytes.buffer);
  bytes.set([0x86, 9, 0, 0]);
  view.setUint32(4, address, true);
  view.setUint32(8, length, true);
  bytes.set([0x79, 0], 12);
  return bytes;
}

/** A live migration: the clock is another, the machine is the same one. */
export function migrated(page: DataView): void {
  add(page, DISRUPTION_MARKER);
  // Even again: what stands still sees no odd one in between.
  page.setUint32(SEQUENCE, page.getUint32(SEQUENCE, true) + 2, true);
}

/** A restore of a snapshot: another machine. */
export function forked(page: DataView): void {
  add(page, GENERATION_COUNTER);
  migrated(page);
}

/** A restore on a host whose vmclock does not notify. */
export function forkedToSilence(page: DataView): void {
  const flags = page.getBigUint64(FLAGS, true) & ~NOTIFICATION_PRESENT;
  page.setBigUint64(FLAGS, flags, true);
  forked(page);
}

function add(page: DataView, offset: number): void {
  page.setBigUint64(offset, page.getBigUint64(offset, true) + 1n, true);
}
