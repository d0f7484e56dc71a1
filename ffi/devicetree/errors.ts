/**
 * What kind of failure a {@linkcode DeviceTreeError} reports. The strings are
 * stable.
 *
 * | code | meaning |
 * |---|---|
 * | `devicetree-malformed` | the bytes break the flattened format |
 * | `devicetree-unsupported` | a legal tree, but not of the kind this reader understands |
 * | `devicetree-limit` | a bound of this reader is exceeded |
 * | `devicetree-address` | the tree yields no address, or one that cannot be right |
 * | `devicetree-disabled` | the device is there, but its `status` says that it is not to be used |
 * | `devicetree-ambiguous` | more than one enabled device matches |
 */
export type DeviceTreeErrorCode =
  | "devicetree-malformed"
  | "devicetree-unsupported"
  | "devicetree-limit"
  | "devicetree-address"
  | "devicetree-disabled"
  | "devicetree-ambiguous";

/**
 * Says why the device tree gives no answer, and at which byte.
 *
 * @example Usage
 * ```ts
 * import { DeviceTreeError, findDeviceTreeVmGenId } from "@vmfork/crng/ffi";
 * import assert from "node:assert/strict";
 *
 * const tooShort = new Uint8Array(39);
 * assert.throws(
 *   () => findDeviceTreeVmGenId(tooShort),
 *   (error) =>
 *     error instanceof DeviceTreeError && error.code === "devicetree-malformed",
 * );
 * ```
 */
export class DeviceTreeError extends Error {
  /** Always `"DeviceTreeError"`. */
  override readonly name: string = "DeviceTreeError";
  /** The kind of failure. */
  readonly code: DeviceTreeErrorCode;
  /** Where in the blob, in bytes from its start. */
  readonly offset: number;
  /** What is wrong there, without the offset. */
  readonly reason: string;

  /**
   * Creates an error for one place in the blob.
   *
   * @param code The kind of failure.
   * @param offset The byte offset.
   * @param reason What is wrong there: upper-case start, no full stop.
   */
  constructor(code: DeviceTreeErrorCode, offset: number, reason: string) {
    super(
      `Cannot use the device tree at offset 0x${
        offset.toString(16)
      }: ${reason}`,
    );
    this.code = code;
    this.offset = offset;
    this.reason = reason;
  }
}
