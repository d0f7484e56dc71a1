import type { Confirmation, ProtectionDevice } from "../protection.ts";
import {
  check,
  CONFIRMATIONS,
  cString,
  type ShimSymbols,
  STATUS_CONFIRMATION_SHIFT,
  STATUS_MAPPED,
} from "../shim/shim.ts";
import type { FirmwareDevice } from "./firmware.ts";
import type { InheritedMemory, SourceRow } from "./mod.ts";
import { NoDevice } from "./obstacles.ts";
import { openMemory } from "./open_memory.ts";

/** The confirmation takes 4 bits of the status. */
const CONFIRMATION_MASK = 0xf;

/**
 * The VM generation ID's page, found through the ACPI tables or the device tree and mapped from `/dev/mem`, or
 * mapped through a descriptor that a privileged parent has opened. The only source with an id.
 */
export const vmGenId: SourceRow = {
  name: "vmgenid",
  status: STATUS_MAPPED,
  isPage: true,
  named: ({ memory }) => memory && "the inherited descriptor",
  attach({ shim, look, named, firmware }) {
    if (named.memory !== undefined) {
      mapInherited(shim.symbols, named.memory);
      return undefined;
    }
    const device = firmware.vmGenId();
    if (device === undefined) {
      throw new NoDevice({
        reason: `${firmware.kind()} no VM generation ID device`,
        remedy:
          "a hypervisor that has one, for example QEMU with -device vmgenid,guid=auto",
      });
    }
    look.device = describe(device);
    openMemory(shim);
    const hid = cString(device.hid.toUpperCase());
    check("vmfork_map", shim.symbols.vmfork_map(device.address, hid));
    return device.path;
  },
  confirmedBy: (status) =>
    CONFIRMATIONS[
      status >> STATUS_CONFIRMATION_SHIFT & CONFIRMATION_MASK
    ] as Confirmation,
};

function mapInherited(
  symbols: ShimSymbols,
  { descriptor, address }: InheritedMemory,
): void {
  check("vmfork_adopt_memory", symbols.vmfork_adopt_memory(descriptor));
  check("vmfork_map", symbols.vmfork_map(address, cString("")));
}

function describe(device: FirmwareDevice): ProtectionDevice {
  return {
    path: device.path,
    hid: device.hid,
    address: `0x${device.address.toString(16)}`,
    notifiedBy: device.notifiedBy,
  };
}
