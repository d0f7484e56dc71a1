import { AcpiError } from "./errors.ts";
import { MAX_TABLE_BYTES } from "./limits.ts";

/** A definition block: a DSDT or SSDT whose header has been checked. */
export interface AcpiTable {
  /** Name for people: `DSDT`, `SSDT`, or `SSDT1`, `SSDT2`, as Linux does it. */
  readonly label: string;
  /** Header and AML, cut to the length that the header gives. */
  readonly bytes: Uint8Array;
  /** Revision of the definition block. */
  readonly revision: number;
  /** OEMID, without padding. */
  readonly oemId: string;
  /** OEM table ID, without padding. */
  readonly oemTableId: string;
}

// ACPI 6.5 section 5.2.6, table 5.4: DESCRIPTION_HEADER
const SIGNATURE = 0;
const LENGTH = 4;
const REVISION = 8;
const OEM_ID = 10;
const OEM_TABLE_ID = 16;

/** Bytes in the header; AML starts here. */
export const HEADER_BYTES = 36;

/**
 * Checks the headers and labels the tables.
 *
 * A wrong checksum is no error: the kernel tolerates it as well.
 */
export function readTables(tables: readonly Uint8Array[]): AcpiTable[] {
  const signatures = tables.map((bytes) => text(bytes, SIGNATURE, 4));
  return tables.map((bytes, index) =>
    readTable(bytes, label(signatures, index))
  );
}

function readTable(bytes: Uint8Array, label: string): AcpiTable {
  const refuse = (
    code: "acpi-malformed" | "acpi-limit",
    offset: number,
    reason: string,
  ) => new AcpiError(code, { table: label, offset }, reason);

  if (bytes.length < HEADER_BYTES) {
    throw refuse("acpi-malformed", 0, "The table is shorter than its header");
  }
  if (!/^[DS]SDT\d*$/.test(label)) {
    throw refuse("acpi-malformed", SIGNATURE, "The table is no DSDT or SSDT");
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .getUint32(LENGTH, true);
  if (length < HEADER_BYTES || length > bytes.length) {
    throw refuse(
      "acpi-malformed",
      LENGTH,
      `The header gives a length of ${length} bytes for ${bytes.length} bytes`,
    );
  }
  if (length > MAX_TABLE_BYTES) {
    throw refuse(
      "acpi-limit",
      LENGTH,
      `The table has more than ${MAX_TABLE_BYTES} bytes`,
    );
  }
  return {
    label,
    bytes: bytes.subarray(0, length),
    revision: bytes[REVISION]!,
    oemId: text(bytes, OEM_ID, 6).trimEnd(),
    oemTableId: text(bytes, OEM_TABLE_ID, 8).trimEnd(),
  };
}

/** Numbers the tables of one signature, if there are several. */
function label(signatures: readonly string[], index: number): string {
  const signature = signatures[index]!;
  if (signature === "") return `#${index}`;
  const same = (other: string) => other === signature;
  if (signatures.filter(same).length === 1) return signature;
  return `${signature}${signatures.slice(0, index + 1).filter(same).length}`;
}

/** Printable ASCII as it is, NUL as a blank, anything else as "?". */
function text(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length))
    .replaceAll("\0", " ")
    .replace(/[^ -~]/g, "?");
}
