/**
 * Reads a flattened device tree: where is the page of the virtual machine generation ID? Machines without
 * ACPI, such as Firecracker's on arm64, describe it there.
 *
 * The format is that of the Devicetree Specification 0.4, chapter 5, version 17. Every loop has a bound, so
 * that any bytes give an answer or a {@linkcode DeviceTreeError}. The module is pure TypeScript: it opens no
 * file.
 *
 * @module
 */

export { DeviceTreeError, type DeviceTreeErrorCode } from "./errors.ts";
export { type DeviceTreeVmGenId, findDeviceTreeVmGenId } from "./vm_gen_id.ts";
