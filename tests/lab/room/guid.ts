/** Unique ids as QEMU's command line and the guest's memory have them. */

import { randomBytes } from "node:crypto";

/** A new id for `vmgenid`. */
export function newGuid(): string {
  const hex = randomBytes(16).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/**
 * The 16 bytes in memory: the first three fields little-endian, the rest as
 * written (RFC 9562, section 4, on the form that GUIDs have on Windows).
 */
export function guidBytes(guid: string): Uint8Array {
  const hex = guid.replaceAll("-", "");
  const byte = (at: number): number =>
    parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, byte);
}
