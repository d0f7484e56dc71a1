import { type EntropySource, SEED_LENGTH } from "../../crng/ports.ts";
import { ProtectionError } from "../../crng/errors.ts";
import { requireLength, ShimError, type ShimSymbols } from "../shim/shim.ts";

const NONCE_LENGTH = 12;

/**
 * The kernel's and the CPU's randomness through the shim.
 *
 * @param symbols the shim
 * @param hedged whether every nonce takes fresh kernel randomness too: for the levels below `memory`,
 * where the nonce is what parts two clones
 */
export function shimEntropy(
  symbols: ShimSymbols,
  hedged: boolean,
): EntropySource {
  return {
    fill: fetching(symbols, "vmfork_seed", SEED_LENGTH),
    nonce: fetching(
      symbols,
      hedged ? "vmfork_hedged_nonce" : "vmfork_nonce",
      NONCE_LENGTH,
    ),
  };
}

/** The function is looked up once: V8 then calls the shim directly. */
function fetching(
  symbols: ShimSymbols,
  operation: "vmfork_seed" | "vmfork_nonce" | "vmfork_hedged_nonce",
  length: number,
): (into: Uint8Array) => void {
  const fetch = symbols[operation];
  return (into) => {
    requireLength(into, length);
    const result = fetch(into as Uint8Array<ArrayBuffer>);
    if (result >= 0) return;
    throw new ProtectionError(
      "entropy-failed",
      "Cannot draw as the kernel or the CPU gave no random bytes",
      { cause: new ShimError(operation, -result) },
    );
  };
}
