/**
 * Gives the permissions back once the shim is loaded: whatever the program runs later can load nothing,
 * and draws go on.
 *
 * ```sh
 * deno run --allow-ffi=FILE --allow-read=FILE examples/revoke_after_load.ts FILE
 * ```
 *
 * @module
 */

import { configure, getRandom, protection } from "@vmfork/crng";

const [shim] = Deno.args;
if (shim === undefined) throw new TypeError("Cannot start without a path");
configure({ shim });
console.log(`level ${protection().level}, permissions granted`);
for (const name of ["ffi", "read"] as const) {
  Deno.permissions.revokeSync({ name, path: shim });
}
console.log(`${getRandom(32).length} bytes drawn, permissions revoked`);
