/**
 * Level `memory` without root: a privileged parent opens `/dev/mem` read-only and passes the descriptor and
 * the address on. The shim maps its one page and closes the descriptor.
 *
 * ```sh
 * # as root; ADDRESS is what protection().device.address says to root
 * exec 3</dev/mem
 * setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --no-new-privs \
 *   deno run --allow-ffi=FILE --allow-read=FILE examples/inherited_descriptor.ts FILE 3 ADDRESS
 * ```
 *
 * With systemd 253 and later, `OpenFile=/dev/mem:mem:read-only` in the unit does the same.
 *
 * @module
 */

import { configure, getRandom, protection } from "@vmfork/crng";

const [shim, descriptor, address] = Deno.args;
if (shim === undefined || descriptor === undefined || address === undefined) {
  throw new TypeError("Cannot start without FILE, DESCRIPTOR and ADDRESS");
}
configure({
  shim,
  source: { descriptor: Number(descriptor), address: BigInt(address) },
  require: "memory",
});
const { level, confirmedBy } = protection();
console.log(`level ${level}, page confirmed by ${confirmedBy}`);
console.log(`${getRandom(32).length} bytes drawn`);
