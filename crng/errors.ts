/**
 * What went wrong, stable across versions:
 *
 * | code | meaning | remedy |
 * |---|---|---|
 * | `generation-unstable` | the generation changed during each of eight tries | `retry` |
 * | `generation-unreadable` | the source cannot answer, so a fork could go unseen | `give-up` |
 * | `entropy-failed` | the kernel or the CPU gave no bytes | `retry` |
 * | `reentrant-draw` | a port drew from the generator that was asking it | `give-up` |
 * | `permission-denied` | a permission or a right is missing; the message names it | `permit` |
 * | `level-unavailable` | the required protection level cannot be reached; the message says why | `permit` |
 * | `quiesced` | all secrets are wiped for a snapshot, until `resume()` | `retry` |
 * | `forked` | the machine was forked since the guard was made: what it guards must be made anew | `retry` |
 * | `closed` | the generator was closed | `give-up` |
 */
export type ProtectionErrorCode =
  | "generation-unstable"
  | "generation-unreadable"
  | "entropy-failed"
  | "reentrant-draw"
  | "permission-denied"
  | "level-unavailable"
  | "quiesced"
  | "forked"
  | "closed";

/** What the caller can do about a {@linkcode ProtectionError}: try again, grant a right, or nothing. */
export type Remedy = "retry" | "permit" | "give-up";

const REMEDIES: Readonly<Record<ProtectionErrorCode, Remedy>> = {
  "generation-unstable": "retry",
  "generation-unreadable": "give-up",
  "entropy-failed": "retry",
  "reentrant-draw": "give-up",
  "permission-denied": "permit",
  "level-unavailable": "permit",
  "quiesced": "retry",
  "forked": "retry",
  "closed": "give-up",
};

/**
 * Thrown instead of bytes that could repeat in another clone of the machine. Nothing weaker is ever
 * returned in its place.
 *
 * @example
 * ```ts
 * import { ProtectionError } from "@vmfork/crng/crng";
 *
 * const error = new ProtectionError("closed", "Cannot draw as the generator is closed");
 * if (error.remedy !== "give-up") throw new Error("unreachable");
 * ```
 */
export class ProtectionError extends Error {
  /** `"ProtectionError"`. */
  override readonly name = "ProtectionError";
  /** Which condition it is; stable. */
  readonly code: ProtectionErrorCode;

  /**
   * Makes the error.
   *
   * @param code which condition it is
   * @param message what could not be done and why
   * @param options `cause`: the error behind this one
   */
  constructor(
    code: ProtectionErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
  }

  /** What the caller can do about it. */
  get remedy(): Remedy {
    return REMEDIES[this.code];
  }
}
