/**
 * The fewest permissions: one file, to be read and loaded.
 *
 * ```sh
 * deno run --allow-read --allow-write=.shim --allow-sys=uid ffi/install.ts .shim   # prints FILE
 * deno run --allow-ffi=FILE --allow-read=FILE examples/least_permissions.ts FILE
 * ```
 *
 * @module
 */

import {
  configure,
  getRandom,
  protection,
  ProtectionError,
} from "@vmfork/crng";

const [shim] = Deno.args;
try {
  if (shim !== undefined) configure({ shim });
  console.log(
    `level ${protection().level}, ${getRandom(32).length} bytes drawn`,
  );
} catch (error) {
  if (!(error instanceof ProtectionError)) throw error;
  console.error(`${error.code} (${error.remedy}): ${error.message}`);
  Deno.exit(1);
}
