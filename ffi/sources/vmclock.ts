import type { Confirmation } from "../protection.ts";
import {
  check,
  CONFIRMATIONS,
  STATUS_CLOCK,
  STATUS_CLOCK_CONFIRMATION_SHIFT,
} from "../shim/shim.ts";
import type { SourceRow, Visit } from "./mod.ts";
import { NoDevice } from "./obstacles.ts";
import { openMemory } from "./open_memory.ts";

/** The kernel's device; its driver numbers them, and no machine has two. */
const DEVICE = "/dev/vmclock0";
/** Linux, <asm-generic/errno-base.h>. */
const ENOENT = 2;
/** The confirmation takes 4 bits of the status. */
const CONFIRMATION_MASK = 0xf;

/**
 * The vmclock page, mapped from the kernel's device, which may be opened to everyone, from a descriptor that a
 * parent has opened, or, where the kernel has no driver, from `/dev/mem` at the address in the ACPI tables. It
 * counts and has no id: clones of one snapshot see the same count.
 */
export const vmClock: SourceRow = {
  name: "vmclock",
  status: STATUS_CLOCK,
  isPage: true,
  named: ({ clock }) => clock && "the inherited vmclock descriptor",
  attach(visit) {
    const { symbols } = visit.shim;
    if (visit.named.clock !== undefined) {
      const { vmclock } = visit.named.clock;
      check("vmfork_adopt_clock", symbols.vmfork_adopt_clock(vmclock));
      return undefined;
    }
    const opened = symbols.vmfork_open_clock(0);
    if (opened === -ENOENT) return mapFromMemory(visit);
    check("vmfork_open_clock", opened);
    return DEVICE;
  },
  confirmedBy: (status) =>
    CONFIRMATIONS[
      status >> STATUS_CLOCK_CONFIRMATION_SHIFT & CONFIRMATION_MASK
    ] as Confirmation,
};

/** Whoever was given a descriptor of `/dev/mem` may not read the tables. */
function mapFromMemory({ shim, named, firmware }: Visit): string {
  const device = named.memory === undefined ? firmware.vmClock() : undefined;
  if (device === undefined) {
    throw new NoDevice({
      reason: `there is no ${DEVICE}, and the ACPI tables describe no vmclock`,
      remedy: "a hypervisor that has one, for example Firecracker",
    });
  }
  openMemory(shim);
  check("vmfork_map_clock", shim.symbols.vmfork_map_clock(device.address));
  return device.path;
}
