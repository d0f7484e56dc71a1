import { ProtectionError } from "../../crng/errors.ts";
import type { NoSource } from "./mod.ts";

/** Something that the program named on purpose: never passed over in silence. */
export function refused(
  what: string,
  { reason, remedy }: NoSource,
  cause?: unknown,
): ProtectionError {
  return new ProtectionError(
    "level-unavailable",
    `Cannot use ${what}: ${reason}; it takes ${remedy}`,
    { cause },
  );
}
