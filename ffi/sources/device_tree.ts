import { findDeviceTreeVmGenId } from "../devicetree/mod.ts";
import type { ShimSymbols } from "../shim/shim.ts";
import { readTableIfThere } from "./acpi_tables.ts";
import type { FirmwareDevice } from "./firmware.ts";

/** The shim's name for `/sys/firmware/fdt`, which root alone may read, as it may the ACPI tables. */
const FLATTENED = "FDT";

/**
 * The flattened device tree, on machines that have no ACPI: most of arm64; undefined where there is none.
 *
 * @throws {ShimError} If it is there and cannot be read
 */
export function readDeviceTree(symbols: ShimSymbols): Uint8Array | undefined {
  return readTableIfThere(symbols, FLATTENED);
}

/**
 * The VM generation ID in a device tree. Its interrupt is no ACPI event, and there is no id by which the
 * kernel's driver could be asked for: it shows in `/proc/vmallocinfo` or not at all. The driver (Linux 6.10)
 * keeps the page for itself, so that `/dev/mem` gives it beside the driver with `iomem=relaxed` only.
 *
 * On arm64 the page is not timely: `/dev/mem` maps it as device memory there, beside the hypervisor's own
 * cached mapping, and when such a mapping sees a write has not been shown on hardware.
 *
 * @throws {DeviceTreeError} If the tree gives no answer
 */
export function vmGenIdInDeviceTree(
  tree: Uint8Array,
): FirmwareDevice | undefined {
  const device = findDeviceTreeVmGenId(tree);
  if (device === undefined) return undefined;
  const { path, address } = device;
  return { path, address, hid: "", notifiedBy: undefined };
}
