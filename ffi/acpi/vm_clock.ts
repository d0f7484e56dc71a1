import { deviceError, findDevice, type Mark, requiredChild } from "./device.ts";
import type { AcpiError } from "./errors.ts";
import { Evaluator } from "./evaluate.ts";
import { hardwareId } from "./hardware_id.ts";
import { PHYSICAL_LIMIT } from "./limits.ts";
import { loadNamespace } from "./load.ts";
import type { NamedObject } from "./namespace.ts";
import { notifiedBy } from "./notify.ts";
import { PhysicalReader, type ReadPhysical } from "./physical.ts";
import { type MemoryRange, memoryRanges, ResourceError } from "./resources.ts";
import type { Value } from "./values.ts";

/** Where the tables say that the vmclock structure is. */
export interface VmClockDevice {
  /** Absolute path of the device, such as `\_SB.VCLK`. */
  readonly path: string;
  /** `_HID`, such as `AMZNC10C`; `""` when there is none to evaluate. */
  readonly hid: string;
  /** Physical address of the structure, a multiple of 4096. */
  readonly address: bigint;
  /** Length of the range that holds it, in bytes; at least 112. */
  readonly length: bigint;
  /** Event method that notifies the device, such as `\_SB.GED._EVT`. */
  readonly notifiedBy: string | undefined;
}

/** UAPI.13, VMClock; the Linux driver accepts either identifier. */
const MARKS: readonly Mark[] = [
  { object: "_CID", id: "VMCLOCK" },
  { object: "_HID", id: "AMZNC10C" },
];

/** UAPI.13: the structure starts at a page. */
const PAGE_BYTES = 4096n;

/** Size of `struct vmclock_abi` in linux/vmclock-abi.h. */
const STRUCTURE_BYTES = 0x70n;

/**
 * Finds the vmclock device in a machine's ACPI tables.
 *
 * The device is the one whose `_CID` is `VMCLOCK` in any case, or else whose
 * `_HID` is `AMZNC10C`; its `_CRS` holds one memory range. See UAPI.13
 * "VMClock".
 *
 * @param tables Contents of the DSDT and then of the SSDTs, in their order.
 * @param readPhysical Reads physical memory, as for `findVmGenId()`.
 * @returns The device, or `undefined` if the machine has none.
 * @throws {AcpiError} If the tables are broken, the device is disabled, more
 * than one is enabled, or its range cannot be evaluated or be right.
 *
 * @example Usage
 * ```ts
 * import { findVmClock } from "@vmfork/crng/ffi";
 * import assert from "node:assert/strict";
 *
 * // Device(VCLK) { Name(_CID, "VMCLOCK") Name(_CRS, Memory32Fixed(...)) }
 * const device = "\x5b\x82\x2aVCLK\x08_CID\x0dVMCLOCK\x00" +
 *   "\x08_CRS\x11\x11\x0a\x0e" +
 *   "\x86\x09\x00\x00\x00\xe0\x0d\x00\x00\x10\x00\x00\x79\x00";
 * const header = "SSDT\x50\x00\x00\x00\x02\x00VMFORKEXAMPLE".padEnd(36, "\x00");
 * const table = Uint8Array.from(header + device, (c) => c.charCodeAt(0));
 *
 * const found = findVmClock([table], () => 0n);
 * assert.equal(found?.address, 0xde000n);
 * assert.equal(found?.length, 4096n);
 * ```
 */
export function findVmClock(
  tables: readonly Uint8Array[],
  readPhysical: ReadPhysical,
): VmClockDevice | undefined {
  const namespace = loadNamespace(tables);
  const evaluator = new Evaluator(namespace, new PhysicalReader(readPhysical));
  const device = findDevice(namespace, evaluator, MARKS)?.device;
  if (device === undefined) return undefined;
  const object = requiredChild(namespace, device, "_CRS");
  return {
    path: device.path,
    hid: hardwareId(namespace, evaluator, device),
    ...toRange(evaluator.evaluate(object), object),
    notifiedBy: notifiedBy(namespace, device.path),
  };
}

/** _CRS is a resource template with one memory range. */
function toRange(value: Value, object: NamedObject): MemoryRange {
  const refuse = (reason: string): AcpiError =>
    deviceError(object, "acpi-address", reason);
  if (!(value instanceof Uint8Array)) throw refuse("_CRS is no buffer");
  const ranges = decode(value, refuse);
  if (ranges.length !== 1) {
    throw refuse(`_CRS has ${ranges.length} memory ranges instead of one`);
  }
  const { address, length } = ranges[0]!;
  if (address === 0n) throw refuse("The address in _CRS is zero");
  if (address % PAGE_BYTES !== 0n) {
    throw refuse("The address in _CRS is not page aligned");
  }
  if (length < STRUCTURE_BYTES) {
    throw refuse(`The range in _CRS has less than ${STRUCTURE_BYTES} bytes`);
  }
  if (address + length > PHYSICAL_LIMIT) {
    throw refuse("The range in _CRS is beyond 52 bits");
  }
  return { address, length };
}

function decode(
  template: Uint8Array,
  refuse: (reason: string) => AcpiError,
): MemoryRange[] {
  try {
    return memoryRanges(template);
  } catch (error) {
    if (error instanceof ResourceError) throw refuse(error.message);
    throw error;
  }
}
