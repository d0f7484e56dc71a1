import { AcpiError } from "./errors.ts";
import type { Evaluator } from "./evaluate.ts";
import type { DeviceObject, Namespace } from "./namespace.ts";
import { child } from "./device.ts";

/**
 * The `_HID` of a device as text, or `""`.
 *
 * It identifies the hypervisor for people and decides nothing, so a device
 * without one, or with one beyond the evaluator, is no error. Linux makes file
 * names of it, so anything but letters, digits and underscores counts as none.
 */
export function hardwareId(
  namespace: Namespace,
  evaluator: Evaluator,
  device: DeviceObject,
): string {
  try {
    const object = child(namespace, device, "_HID");
    const value = object && evaluator.evaluate(object);
    const id = typeof value === "bigint" ? eisaId(Number(value)) : value;
    return typeof id === "string" && /^\w+$/.test(id) ? id : "";
  } catch (error) {
    if (error instanceof AcpiError) return "";
    throw error;
  }
}

/**
 * Decodes a compressed EISA ID (ACPI 6.5 section 6.1.5): byte-swapped, three
 * letters of five bits, four hexadecimal digits.
 */
export function eisaId(id: number): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, id, true);
  const letters = view.getUint16(0);
  const digits = view.getUint16(2);
  const letter = (shift: number) =>
    String.fromCharCode(0x40 + (letters >> shift & 0x1f));
  return letter(10) + letter(5) + letter(0) +
    digits.toString(16).toUpperCase().padStart(4, "0");
}
