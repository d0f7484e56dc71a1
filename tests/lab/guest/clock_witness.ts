/**
 * The lab's own eye on the vmclock, as `witness.ts` is on the unique id: the page mapped through libc,
 * from the kernel's device or from where QEMU puts it.
 */

import { mapPage } from "./map_page.ts";

const DEVICE = "/dev/vmclock0";
// QEMU, include/hw/acpi/vmclock.h.
const VMCLOCK_ADDR = 0xfeffb000;
// Linux, <linux/vmclock-abi.h>: 64-bit words, and bits of the flags.
const MAGIC = 0x4b4c4356n;
const DISRUPTION_MARKER = 2;
const FLAGS = 3;
const COUNTER_PRESENT = 1n << 8n;
const NOTIFICATION_PRESENT = 1n << 9n;

/** A mapped vmclock. */
export interface ClockWitness {
  /** What it was mapped from. */
  readonly path: string;
  /** Whether the hypervisor says that it counts generations. */
  readonly counts: boolean;
  /** Whether the hypervisor says that it notifies. */
  readonly notifies: boolean;
  /** How many different disruption markers have been seen so far; one to begin with. */
  count(): number;
}

/** Maps the page. */
export function openClockWitness(): ClockWitness {
  const [path, offset] = exists(DEVICE)
    ? [DEVICE, 0] as const
    : ["/dev/mem", VMCLOCK_ADDR] as const;
  const words = new BigUint64Array(mapPage(path, offset));
  if ((words[0]! & 0xffff_ffffn) !== MAGIC) throw new Error("No vmclock");
  const flags = words[FLAGS]!;

  let marker = words[DISRUPTION_MARKER];
  let seen = 1;
  return {
    path,
    counts: (flags & COUNTER_PRESENT) !== 0n,
    notifies: (flags & NOTIFICATION_PRESENT) !== 0n,
    count: () => {
      // Atomics, so that no compiler takes the load out of a loop.
      if (Atomics.load(words, DISRUPTION_MARKER) === marker) return seen;
      marker = words[DISRUPTION_MARKER];
      return ++seen;
    },
  };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
