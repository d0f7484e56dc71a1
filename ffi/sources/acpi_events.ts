import { check, cString, STATUS_CLOCK, STATUS_EVENTS } from "../shim/shim.ts";
import type { NoSource, SourceRow, Visit } from "./mod.ts";
import { NoDevice } from "./obstacles.ts";

/** ACPI 6.5 section 5.6.4: an edge or level event of the one GPE block that Linux counts by number. */
const GPE_METHOD = /^\\_GPE\._[EL]([0-9A-F]{2})$/;
/** Section 5.6.9.4: the method of a Generic Event Device. */
const GED_METHOD = /\._EVT$/;

/**
 * The shim's name for the event that runs a method: `gpe05` for `\_GPE._E05`, `ged` for a Generic Event
 * Device's `_EVT`; undefined where the kernel keeps no count of it that we know.
 */
export function eventOf(method: string): string | undefined {
  const number = GPE_METHOD.exec(method)?.[1];
  if (number !== undefined) return `gpe${number}`;
  return GED_METHOD.test(method) ? "ged" : undefined;
}

/** Where the kernel keeps the count. Anyone may read it, but only the tables say which one it is. */
function pathOf(event: string): string {
  return event === "ged"
    ? "/proc/interrupts"
    : `/sys/firmware/acpi/interrupts/${event}`;
}

/**
 * The kernel's count of the ACPI event that notifies the device. It moves also where a rollback leaves the id
 * alone, and some time after the resume: a source for watchers, or for draws if the program says so.
 */
export const acpiEvents: SourceRow = {
  name: "acpi-events",
  status: STATUS_EVENTS,
  isPage: false,
  isSoughtAnyway: true,
  named: ({ eventsAtDraws }) =>
    eventsAtDraws ? "the ACPI events at draws" : undefined,
  attach(visit) {
    const event = eventOf(notifierOf(visit) ?? "");
    if (event === undefined) throw new NoDevice(NO_EVENT);
    const { symbols } = visit.shim;
    check("vmfork_watch_events", symbols.vmfork_watch_events(cString(event)));
    return pathOf(event);
  },
  confirmedBy: () => undefined,
};

const NO_EVENT: NoSource = {
  reason: "no ACPI event that the kernel counts is known to notify the device",
  remedy: "a hypervisor that raises one, for example QEMU",
};

/** A vmclock notifies of live migrations too, and of each time that its clock is set. */
const SHOWN_BY_THE_PAGE: NoSource = {
  reason: "the page of the vmclock shows what its event is for",
  remedy: "to ask for the events before the first look of the process",
};

/**
 * The method that notifies the device. Whoever was given a descriptor of `/dev/mem` may not read the tables.
 *
 * @throws {NoDevice} If it is a vmclock's, whose page says better what was a fork, and nobody asks for it
 */
function notifierOf(
  { shim, named, firmware }: Visit,
): string | undefined {
  if (named.memory !== undefined) return named.memory.notifiedBy;
  const own = firmware.vmGenId()?.notifiedBy;
  if (own !== undefined) return own;
  const clock = firmware.vmClock()?.notifiedBy;
  const mapped = (shim.symbols.vmfork_status() & STATUS_CLOCK) !== 0;
  if (clock !== undefined && mapped && !named.eventsAtDraws) {
    throw new NoDevice(SHOWN_BY_THE_PAGE);
  }
  return clock;
}
