/**
 * How well draws are protected from a VM fork, from best to none:
 *
 * | level | needs | promise |
 * |---|---|---|
 * | `memory` | a generation page that the hypervisor writes before the first instruction after resume, confirmed, and an id or tested hardware randomness | a draw that starts after resume holds only bytes made after it |
 * | `hedged` | the shim and tested hardware randomness | every draw takes fresh kernel and CPU randomness: clones part if either differs |
 * | `kernel` | the shim, or `/dev/urandom` | clones part once the kernel has reseeded: milliseconds with its vmgenid driver, minutes without |
 * | `none` | nothing | draws throw |
 */
export type ProtectionLevel = "memory" | "hedged" | "kernel" | "none";

/** The levels from worst to best. */
export const PROTECTION_LEVELS: readonly ProtectionLevel[] = [
  "none",
  "kernel",
  "hedged",
  "memory",
];

/** Whether `level` is at least `wanted`. */
export function reaches(
  level: ProtectionLevel,
  wanted: ProtectionLevel,
): boolean {
  return PROTECTION_LEVELS.indexOf(level) >= PROTECTION_LEVELS.indexOf(wanted);
}

/** Why a level was not reached, and what would reach it. */
export interface NotReached {
  /** The level. */
  readonly level: ProtectionLevel;
  /** What stood in the way. */
  readonly reason: string;
  /** What would have to be granted or changed. */
  readonly remedy: string;
}

/** The device in the machine's ACPI tables, or its device tree, that has the unique id. */
export interface ProtectionDevice {
  /** Its path in the ACPI namespace, for example `\_SB.VGEN`, or in the device tree, for example `/vmgenid`. */
  readonly path: string;
  /** Its hardware id, which tells hypervisors apart; `""` in a device tree. */
  readonly hid: string;
  /** The physical address of the unique id, in hexadecimal. */
  readonly address: string;
  /** The ACPI method that notifies it, where there is one. */
  readonly notifiedBy: string | undefined;
}

/**
 * How a source was confirmed:
 *
 * - `driver`: the kernel's own driver has mapped the same page (vmgenid: `/proc/vmallocinfo`), or maps it for
 *   us (`/dev/vmclock0`)
 * - `iomem`: no driver is bound, and the page is not System RAM (`/proc/iomem`)
 * - `parent`: a privileged parent gave descriptor and address, and this process may not look
 * - `caller`: the program gave a source of its own, or named a generation file
 */
export type Confirmation = "driver" | "iomem" | "parent" | "caller";

/**
 * One of the sources in use:
 *
 * | name | shows | when |
 * |---|---|---|
 * | `vmgenid` | clones and restores that the hypervisor gives a new id | before the first instruction after resume |
 * | `vmclock` | the same, and a rollback too; a live migration if it counts no generations; it has no id | before the first instruction after resume |
 * | `generation-file` | what the platform that writes it knows | late |
 * | `acpi-events` | what the hypervisor notifies, also a rollback that keeps the id; a vmclock's without its page | late |
 *
 * Any other name is that of a source of the program's own.
 */
export interface ProtectionSource {
  /** Its name. */
  readonly name: string;
  /** Whether the hypervisor moves it before the first instruction after resume, and this machine shows it then. */
  readonly timely: boolean;
  /** Whether each draw looks at it, or only listeners, guards and waits do. */
  readonly consulted: "draws" | "watchers";
  /** How it was confirmed; undefined for the kernel's own count of an event. */
  readonly confirmedBy: Confirmation | undefined;
  /** Where it was found, as far as this realm knows: a file, or a path in the ACPI namespace. */
  readonly path: string | undefined;
}

/** What `protection()` reports: the level, how it came about, and why it is not higher. */
export interface Protection {
  /** The level of every draw. It is chosen once; a later loss makes draws throw. */
  readonly level: ProtectionLevel;
  /** The name of the generation source that decides about the level, `"none"` without one. */
  readonly source: string;
  /** All sources in use, the preferred ones first: a change of any of them is a fork. */
  readonly sources: readonly ProtectionSource[];
  /** How the source's page was confirmed; undefined below `memory`. */
  readonly confirmedBy: Confirmation | undefined;
  /** The device, as far as it was found. */
  readonly device: ProtectionDevice | undefined;
  /** The CPU's own randomness that is there and passed its test. */
  readonly hardware: readonly ("draw" | "seed")[];
  /** Where the shim was loaded from: a path, `"memfd"`, or undefined without it. */
  readonly shim: string | undefined;
  /** Every higher level, the nearest last; a level stands twice if two sources could give it. */
  readonly notReached: readonly NotReached[];
}
