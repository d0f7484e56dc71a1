import {
  deviceError,
  findDevice,
  type Mark,
  type MarkedDevice,
  requiredChild,
} from "./device.ts";
import type { AcpiError } from "./errors.ts";
import { Evaluator } from "./evaluate.ts";
import { hardwareId } from "./hardware_id.ts";
import { PHYSICAL_LIMIT } from "./limits.ts";
import { loadNamespace } from "./load.ts";
import type { NamedObject, Namespace } from "./namespace.ts";
import { notifiedBy } from "./notify.ts";
import { PhysicalReader, type ReadPhysical } from "./physical.ts";
import { AmlPackage, type Value } from "./values.ts";

/** Where the tables say that the 16 bytes of the generation ID are. */
export interface VmGenIdDevice {
  /** Absolute path of the device, such as `\_SB.VGEN`. */
  readonly path: string;
  /**
   * `_HID`, which differs for every hypervisor, such as `QEMUVGID`; `""` when
   * the device has none that this reader can evaluate. Letters, digits and
   * underscores only.
   */
  readonly hid: string;
  /** `_CID` or else `_DDN`, as the table spells it: `VM_Gen_Counter`. */
  readonly cid: string;
  /** Physical address of the 16 bytes, a multiple of 8. */
  readonly address: bigint;
  /** Whether `ADDR` is a constant or had to be evaluated. */
  readonly form: "name" | "method";
  /** Event method that notifies the device, such as `\_GPE._E05`. */
  readonly notifiedBy: string | undefined;
  /** The table that declares the device: `DSDT`, `SSDT`, `SSDT1`, ... */
  readonly table: string;
  /** OEM ID of that table, without padding. */
  readonly oemId: string;
  /** OEM table ID of that table, without padding. */
  readonly oemTableId: string;
  /** Physical addresses read on the way, in order. */
  readonly regionReads: readonly bigint[];
}

/** UAPI.14, VMGenID: `_CID` and `_DDN` are "VM_Gen_Counter". */
const MARKS: readonly Mark[] = [
  { object: "_CID", id: "VM_Gen_Counter" },
  { object: "_DDN", id: "VM_Gen_Counter" },
];

/**
 * Finds the virtual machine generation ID in a machine's ACPI tables.
 *
 * The device is the one whose `_CID`, or else `_DDN`, is `VM_Gen_Counter` in
 * any case. Its `ADDR` is evaluated without side effects. See UAPI.14
 * "VMGenID" and Microsoft, "Virtual Machine Generation ID" (2012).
 *
 * The address comes from the tables alone: check that it is not System RAM
 * before mapping it.
 *
 * @param tables Contents of the DSDT and then of the SSDTs, in their order.
 * @param readPhysical Reads `width` bytes (1, 2, 4 or 8) of physical memory at
 * a multiple of `width`, little-endian. Called at most 16 times, and only
 * inside SystemMemory regions that the tables declare. What it throws passes
 * through unchanged.
 * @returns The device, or `undefined` if the machine has none.
 * @throws {AcpiError} If the tables are broken, the device is disabled, more
 * than one is enabled, or its address cannot be evaluated or be right.
 *
 * @example Usage
 * ```ts
 * import { findVmGenId } from "@vmfork/crng/ffi";
 * import assert from "node:assert/strict";
 *
 * // Device(VGEN) { Name(_CID, "VM_Gen_Counter") Name(ADDR, Package(2) {...}) }
 * const device = "\x5b\x82\x28VGEN\x08_CID\x0dVM_Gen_Counter\x00" +
 *   "\x08ADDR\x12\x08\x02\x0c\x00\x10\xd0\xfe\x00";
 * const header = "SSDT\x4e\x00\x00\x00\x02\x00VMFORKEXAMPLE".padEnd(36, "\x00");
 * const table = Uint8Array.from(header + device, (c) => c.charCodeAt(0));
 *
 * const found = findVmGenId([table], () => 0n);
 * assert.equal(found?.path, "\\VGEN");
 * assert.equal(found?.address, 0xfed01000n);
 * ```
 */
export function findVmGenId(
  tables: readonly Uint8Array[],
  readPhysical: ReadPhysical,
): VmGenIdDevice | undefined {
  const namespace = loadNamespace(tables);
  const physical = new PhysicalReader(readPhysical);
  const evaluator = new Evaluator(namespace, physical);
  const found = findDevice(namespace, evaluator, MARKS);
  return found && describe(namespace, evaluator, physical, found);
}

function describe(
  namespace: Namespace,
  evaluator: Evaluator,
  physical: PhysicalReader,
  { device, id }: MarkedDevice,
): VmGenIdDevice {
  const object = requiredChild(namespace, device, "ADDR");
  const address = toAddress(evaluator.evaluate(object), object);
  const { label, oemId, oemTableId } = device.span.table;
  return {
    path: device.path,
    hid: hardwareId(namespace, evaluator, device),
    cid: id,
    address,
    form: object.kind,
    notifiedBy: notifiedBy(namespace, device.path),
    table: label,
    oemId,
    oemTableId,
    regionReads: physical.addresses,
  };
}

/** ADDR is a package of two integers: low and high half of the address. */
function toAddress(value: Value, object: NamedObject): bigint {
  const refuse = (reason: string): AcpiError =>
    deviceError(object, "acpi-address", reason);
  if (!(value instanceof AmlPackage) || value.elements.length !== 2) {
    throw refuse("ADDR is no package of two elements");
  }
  const [low, high] = value.elements;
  if (typeof low !== "bigint" || typeof high !== "bigint") {
    throw refuse("An element of ADDR is no integer");
  }
  if (low > 0xffffffffn || high > 0xffffffffn) {
    throw refuse("An element of ADDR has more than 32 bits");
  }
  const address = high << 32n | low;
  const shown = `0x${address.toString(16)}`;
  if (address === 0n) throw refuse("ADDR is zero");
  if (address % 8n !== 0n) throw refuse(`ADDR ${shown} is not 8-byte aligned`);
  if (address >= PHYSICAL_LIMIT) {
    throw refuse(`ADDR ${shown} is beyond 52 bits`);
  }
  return address;
}
