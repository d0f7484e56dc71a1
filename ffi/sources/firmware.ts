import { findVmClock, findVmGenId } from "../acpi/mod.ts";
import type { ReadPhysical } from "../acpi/mod.ts";
import { check, type Shim, ShimError } from "../shim/shim.ts";
import { readAcpiTables } from "./acpi_tables.ts";
import { readDeviceTree, vmGenIdInDeviceTree } from "./device_tree.ts";
import { openMemory } from "./open_memory.ts";

/** A device as the firmware describes it. */
export interface FirmwareDevice {
  readonly path: string;
  /** `""` in a device tree. */
  readonly hid: string;
  readonly address: bigint;
  readonly notifiedBy: string | undefined;
}

/** What the firmware has left for the system to read. */
type Tables =
  | { readonly acpi: readonly Uint8Array[] }
  | { readonly deviceTree: Uint8Array };

/**
 * The firmware's tables, which are read when the first source asks, and once for all: also the physical reads
 * that they may ask for are counted by the shim.
 *
 * Each method throws the same each time, if it throws: a ShimError, AcpiError or DeviceTreeError.
 */
export class Firmware {
  /** The VM generation ID; undefined if the machine has none. */
  readonly vmGenId: () => FirmwareDevice | undefined;
  /** The vmclock, which is looked for in ACPI only; undefined if the machine has none. */
  readonly vmClock: () => FirmwareDevice | undefined;
  /** What describes the devices, for a message. */
  readonly kind: () => "the ACPI tables describe" | "the device tree describes";

  constructor(shim: Shim) {
    const tables = once(() => readTables(shim));
    const readPhysical: ReadPhysical = (address, width) => {
      openMemory(shim); // only if the tables ask for a read
      return readWord(shim, address, width);
    };
    this.vmGenId = once(() => {
      const read = tables();
      return "acpi" in read
        ? findVmGenId(read.acpi, readPhysical)
        : vmGenIdInDeviceTree(read.deviceTree);
    });
    this.vmClock = once(() => {
      const read = tables();
      return "acpi" in read ? findVmClock(read.acpi, readPhysical) : undefined;
    });
    this.kind = () =>
      "acpi" in tables()
        ? "the ACPI tables describe"
        : "the device tree describes";
  }
}

/** A machine has one or the other; one with both is booted from ACPI. */
function readTables({ symbols }: Shim): Tables {
  try {
    return { acpi: readAcpiTables(symbols) };
  } catch (error) {
    if (!(error instanceof ShimError) || error.errno !== "ENOENT") throw error;
    const deviceTree = readDeviceTree(symbols);
    if (deviceTree === undefined) throw error;
    return { deviceTree };
  }
}

function readWord({ symbols }: Shim, address: bigint, width: number): bigint {
  const bytes = new Uint8Array(8);
  check(
    "vmfork_read_physical",
    symbols.vmfork_read_physical(address, width, bytes),
  );
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

/** Calls it once, and repeats what came of it, also what it threw. */
function once<T>(get: () => T): () => T {
  let outcome: (() => T) | undefined;
  return () => {
    if (outcome === undefined) {
      try {
        const value = get();
        outcome = () => value;
      } catch (error) {
        outcome = () => {
          throw error;
        };
      }
    }
    return outcome();
  };
}
