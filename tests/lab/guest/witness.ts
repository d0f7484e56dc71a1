/**
 * The lab's own eye on the unique id, in a guest that runs Deno as root: the
 * page mapped through libc, at the address that QEMU's table holds.
 *
 * Independent of the library under test, so that it can bear witness about it.
 */

import { mapPage } from "./map_page.ts";

// QEMU puts the id here in its page: VMGENID_GUID_OFFSET in its source.
const OFFSET = 40;

const TABLES = "/sys/firmware/acpi/tables";
const NAME = "\x08VGIA\x0c";

/** A mapped unique id. */
export interface Witness {
  /** Physical address of its 16 bytes. */
  readonly address: number;
  /** How many different ids have been seen so far; one to begin with. */
  count(): number;
  /** The id as it stands. */
  id(): Uint8Array;
}

/** Maps the page. */
export function openWitness(): Witness {
  const page = findPage();
  const id = new BigUint64Array(mapPage("/dev/mem", page), OFFSET, 2);

  let [low, high] = id;
  let seen = 1;
  return {
    address: page + OFFSET,
    count: () => {
      // Atomics, so that no compiler takes the loads out of a loop.
      if (Atomics.load(id, 0) === low && Atomics.load(id, 1) === high) {
        return seen;
      }
      [low, high] = id;
      return ++seen;
    },
    id: () => new Uint8Array(id.slice().buffer),
  };
}

/** The shortcut of QEMU's own tests: the dword named VGIA in its SSDT. */
function findPage(): number {
  for (const { name } of Deno.readDirSync(TABLES)) {
    if (!name.startsWith("SSDT")) continue;
    const table = Deno.readFileSync(`${TABLES}/${name}`);
    const at = new TextDecoder("latin1").decode(table).indexOf(NAME);
    if (at === -1) continue;
    return new DataView(table.buffer).getUint32(at + NAME.length, true);
  }
  throw new Error("No table of QEMU's names a unique id");
}
