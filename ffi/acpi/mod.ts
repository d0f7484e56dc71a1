/**
 * Reads ACPI tables: where is the page of the virtual machine generation ID,
 * and where the one of vmclock?
 *
 * A namespace is built from the DSDT and the SSDTs, the device is found by its
 * compatible identifier, and the smallest interpreter that resolves every
 * known hypervisor's `ADDR` evaluates it: QEMU, Hyper-V and Azure, VMware,
 * Xen, Firecracker, AWS Nitro, bhyve. Nothing is ever written, no method but
 * the needed ones is run, and every loop and recursion has a bound, so that
 * any bytes give an answer or an {@linkcode AcpiError}.
 *
 * The module is pure TypeScript: it opens no file and reads physical memory
 * only through a function that the caller gives.
 *
 * @example Usage
 * ```ts
 * import { findVmGenId } from "@vmfork/crng/ffi";
 * import assert from "node:assert/strict";
 *
 * assert.equal(findVmGenId([], () => 0n), undefined);
 * ```
 *
 * @module
 */

export { AcpiError, type AcpiErrorCode } from "./errors.ts";
export type { ReadPhysical } from "./physical.ts";
export { findVmClock, type VmClockDevice } from "./vm_clock.ts";
export { findVmGenId, type VmGenIdDevice } from "./vm_gen_id.ts";
