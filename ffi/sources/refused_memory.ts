import { ProtectionError } from "../../crng/errors.ts";
import type { NoSource } from "./mod.ts";

/** A descriptor and an address that were given on purpose: never passed over in silence. */
export function refusedMemory(
  { reason, remedy }: NoSource,
  cause?: unknown,
): ProtectionError {
  return new ProtectionError(
    "level-unavailable",
    `Cannot use the inherited descriptor: ${reason}; it takes ${remedy}`,
    { cause },
  );
}
