/**
 * What kind of failure an {@linkcode AcpiError} reports. The strings are
 * stable.
 *
 * | code | meaning |
 * |---|---|
 * | `acpi-malformed` | the bytes break the table or AML encoding |
 * | `acpi-unsupported` | legal AML, but not part of the subset this reader evaluates |
 * | `acpi-limit` | a bound of this reader is exceeded |
 * | `acpi-evaluation` | an evaluation went wrong: unresolved name, wrong type, uninitialised value |
 * | `acpi-address` | the table yields an address that cannot be right |
 * | `acpi-disabled` | the device is there, but `_STA` says that it is absent or disabled |
 * | `acpi-ambiguous` | more than one enabled device matches |
 * | `acpi-hidden` | the tables name the device, but no readable part of them declares it |
 */
export type AcpiErrorCode =
  | "acpi-malformed"
  | "acpi-unsupported"
  | "acpi-limit"
  | "acpi-evaluation"
  | "acpi-address"
  | "acpi-disabled"
  | "acpi-ambiguous"
  | "acpi-hidden";

/**
 * Says why the ACPI tables give no answer, and at which byte.
 *
 * @example Usage
 * ```ts
 * import { AcpiError, findVmGenId } from "@vmfork/crng/ffi";
 * import assert from "node:assert/strict";
 *
 * const tooShort = new Uint8Array(35);
 * assert.throws(
 *   () => findVmGenId([tooShort], () => 0n),
 *   (error) => error instanceof AcpiError && error.code === "acpi-malformed",
 * );
 * ```
 */
export class AcpiError extends Error {
  /** Always `"AcpiError"`. */
  override readonly name: string = "AcpiError";
  /** The kind of failure. */
  readonly code: AcpiErrorCode;
  /** The table, in the notation of Linux: `DSDT`, `SSDT`, or `SSDT1`, `SSDT2`. */
  readonly table: string;
  /** Where in that table, in bytes from its start. */
  readonly offset: number;
  /** What is wrong there, without the table and the offset. */
  readonly reason: string;

  /**
   * Creates an error for one place in one table.
   *
   * @param code The kind of failure.
   * @param place The table's label and the byte offset in it.
   * @param reason What is wrong there: upper-case start, no full stop.
   * @param options `cause`, as for `Error`.
   */
  constructor(
    code: AcpiErrorCode,
    place: { readonly table: string; readonly offset: number },
    reason: string,
    options?: ErrorOptions,
  ) {
    const { table, offset } = place;
    super(
      `Cannot use ACPI table ${table} at offset 0x${
        offset.toString(16)
      }: ${reason}`,
      options,
    );
    this.code = code;
    this.table = table;
    this.offset = offset;
    this.reason = reason;
  }
}
