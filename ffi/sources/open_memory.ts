import { check, type Shim } from "../shim/shim.ts";

/**
 * Opens `/dev/mem`, which the shim holds until the vmgenid page is mapped; a second call does nothing.
 *
 * @throws {ShimError} If it cannot be opened
 */
export function openMemory({ symbols }: Shim): void {
  check("vmfork_open_memory", symbols.vmfork_open_memory());
}
