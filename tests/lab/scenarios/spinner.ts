/**
 * The program of `guest/spinner.s`, assembled: guests have no compiler.
 */

/** What it says on the console before it spins. */
export const SPINS = "lab: spins";

/** How often it draws. */
export const DRAWS = 8_192;

const PROGRAM = `
f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAsABAAAAAAABAAAAAAAAAAMABAAAAAAAAAAAAAEAA
OAACAEAABAADAAEAAAAFAAAAAAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAAqAEAAAAAAACoAQAA
AAAAAAAQAAAAAAAAAQAAAAYAAAAAAAAAAAAAAAAQQAAAAAAAABBAAAAAAAAAAAAAAAAAAAAA
BAAAAAAAABAAAAAAAAC4AgAAAEiNPc4AAAAx9g8FQYnAuAkAAAAx/74AEAAAugEAAABBugEA
AABMiw2/AAAADwVIjVgoTIsjuAEAAAC/AgAAAEiNNZgAAAC6CwAAAA8FuD4BAABIjT3yDgAA
vhAAAAAx0g8FuOQAAAC/AQAAAEiNNdgOAAAPBUw5I3TTTI0tyg4AAEG+ACAAALjkAAAAvwEA
AABMie4PBUmDxRC4PgEAAEyJ774QAAAAMdIPBUmDxRBB/85107gBAAAAvwEAAABIjTWGDgAA
ugAABAAPBbg8AAAAMf8PBS9kZXYvbWVtAGxhYjogc3BpbnMKZpCId2ZVRDMiEQAuc2hzdHJ0
YWIALnRleHQALmJzcwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAALAAAAAQAAAAYAAAAAAAAAsABAAAAAAACwAAAA
AAAAAPgAAAAAAAAAAAAAAAAAAAAIAAAAAAAAAAAAAAAAAAAAEQAAAAgAAAADAAAAAAAAAAAQ
QAAAAAAAABAAAAAAAAAAAAQAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAAAAAAAEAAAADAAAA
AAAAAAAAAAAAAAAAAAAAAKgBAAAAAAAAFgAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAA
AAA=`;

/** Stands in the program for the address of the page. */
const PLACE = 0x1122334455667788n;

/** The program for a machine that has its id in this page. */
export function spinner(page: bigint): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.fromBase64(PROGRAM);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 8 <= bytes.length; at++) {
    if (view.getBigUint64(at, true) !== PLACE) continue;
    view.setBigUint64(at, page, true);
    return bytes;
  }
  throw new Error("The program has no place for the address");
}

/** One draw of the program. */
export interface Spin {
  /** When it began, in milliseconds of the guest's clock. */
  readonly ms: number;
  /** Its bytes. */
  readonly hex: string;
}

const RECORD = 32;

/** What the program has written. */
export function spins(bytes: Uint8Array<ArrayBuffer>): Spin[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Spin[] = [];
  for (let at = 0; at < bytes.length; at += RECORD) {
    const seconds = Number(view.getBigUint64(at, true));
    const nanoseconds = Number(view.getBigUint64(at + 8, true));
    const hex = bytes.subarray(at + 16, at + RECORD).toHex();
    found.push({ ms: seconds * 1e3 + nanoseconds / 1e6, hex });
  }
  return found;
}
