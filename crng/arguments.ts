const MAX_LENGTH = 2 ** 31 - 1;

/**
 * Looks at the length of a draw.
 *
 * @throws {RangeError} If it is not an integer from 0 to 2^31 - 1
 */
export function checkLength(length: number): void {
  if (!Number.isInteger(length) || length < 0 || length > MAX_LENGTH) {
    throw new RangeError(
      `Cannot draw as the length must be an integer from 0 to ${MAX_LENGTH}: current value is ${
        String(length)
      }`,
    );
  }
}

/**
 * The largest result that a draw from `min` up to but not including `max` may have, less `min`. Not the range: this
 * is exact wherever it is allowed.
 *
 * @throws {TypeError} If one of them is not a safe integer
 * @throws {RangeError} If the range is empty or larger than 2^53
 */
export function largestOffset(min: number, max: number): number {
  // max itself is never a result: 2^53 is allowed.
  if (
    !Number.isSafeInteger(min) || !Number.isInteger(max) ||
    !Number.isSafeInteger(max - 1)
  ) {
    throw new TypeError(
      `Cannot draw an integer as min and max - 1 must be safe integers: current values are ${
        String(min)
      } and ${String(max)}`,
    );
  }
  const largest = max - 1 - min;
  if (largest < 0 || largest > Number.MAX_SAFE_INTEGER) {
    throw new RangeError(
      `Cannot draw an integer as max - min must be from 1 to 2^53: current values are ${min} and ${max}`,
    );
  }
  return largest;
}
