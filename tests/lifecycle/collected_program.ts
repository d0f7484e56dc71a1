// Collects a generator that nobody has closed: its secrets are wiped. It takes --v8-flags=--expose-gc.
import { BaseCrng } from "../../crng/mod.ts";
import { openMachine } from "../../ffi/mod.ts";
import { Realm } from "../../ffi/realm.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";

const { gc } = globalThis as unknown as { gc(): void };
const machine = new SimulatedMachine();
const realm = new Realm(() => openMachine({}, { shim: machine.shim() }));

function lose(): ArrayBuffer {
  const lease = realm.lease();
  const crng = new BaseCrng(lease.ports!);
  lease.keep(crng);
  crng.onVmFork(() => {});
  crng.forkGuard();
  crng.getRandom(16);
  return lease.ports!.secrets.memory;
}

const memory = lose();
const used = (): number =>
  new Uint8Array(memory).filter((byte) => byte !== 0).length;
const before = used();
for (let i = 0; i < 100 && used() === before; i++) {
  gc();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
// What is left is the constants of an empty pool: twice 32 bytes.
console.log(before > 900 && used() <= 64 ? "wiped" : `${used()} bytes left`);
