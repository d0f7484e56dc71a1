import type { Confirmation, ProtectionDevice } from "../protection.ts";
import type { Shim } from "../shim/shim.ts";
import { acpiEvents } from "./acpi_events.ts";
import type { Firmware } from "./firmware.ts";
import { generationFile } from "./generation_file.ts";
import { vmClock } from "./vmclock.ts";
import { vmGenId } from "./vmgenid.ts";

/**
 * A descriptor of `/dev/mem` that a privileged parent has opened read-only and passed on, and the
 * physical address of the unique id, as `protection().device.address` reports it to root. The shim takes
 * the descriptor over and closes it once the page is mapped.
 */
export interface InheritedMemory {
  /** The descriptor's number. */
  readonly descriptor: number;
  /** The physical address, 8-aligned. */
  readonly address: bigint;
  /**
   * The ACPI method that notifies the device, as `protection().device.notifiedBy` reports it to root. Its
   * count shows a rollback that leaves the id alone. @default {no event is watched}
   */
  readonly notifiedBy?: string | undefined;
}

/**
 * A descriptor of `/dev/vmclock0` that a privileged parent has opened read-only and passed on. The shim takes
 * it over.
 */
export interface InheritedClock {
  /** The descriptor's number. */
  readonly vmclock: number;
}

/**
 * A file that holds a counter which the platform moves at each fork. It is opened and read at each draw: the
 * content is never passed on, only that it changed. Whoever writes it had better replace it by rename: a draw
 * that finds it half written throws.
 */
export interface GenerationFile {
  /** The absolute path, at most 255 bytes. */
  readonly path: string;
  /**
   * What it holds: 4 bytes (`u32`, also the form of a device like `/dev/sysgenid`), 8 bytes (`u64`), or a
   * decimal number (`text`).
   */
  readonly format: "u32" | "u64" | "text";
}

/** The kinds of sources that a machine may have, by the names that `protection()` uses. */
export type SourceName =
  | "vmgenid"
  | "vmclock"
  | "generation-file"
  | "acpi-events";

/** Why a source could not be used, and what would change that. */
export interface NoSource {
  /** What stood in the way. */
  readonly reason: string;
  /** What would have to be granted or changed. */
  readonly remedy: string;
  /** Whether nothing is known of such a source on this machine. @default {false} */
  readonly absent?: boolean;
}

/**
 * What this realm has learnt in an earlier look, kept by the caller: discovery works once in a process, so
 * that a second look can only be told.
 */
export interface Look {
  /** The vmgenid device in the tables of the firmware. */
  device?: ProtectionDevice | undefined;
  /** Why sources could not be used, and what the program had named of them. */
  obstacles?: Partial<
    Record<SourceName, NoSource & { readonly named?: string | undefined }>
  >;
  /** Where those that are used were found. */
  paths?: Partial<Record<SourceName, string>>;
}

/** What the program has named. */
export interface NamedSources {
  readonly memory?: InheritedMemory | undefined;
  readonly clock?: InheritedClock | undefined;
  readonly file?: GenerationFile | undefined;
  readonly eventsAtDraws?: boolean | undefined;
}

/** One look for all sources. */
export interface Visit {
  readonly shim: Shim;
  readonly look: Look;
  readonly named: NamedSources;
  /** Read once, by the first source that needs it. */
  readonly firmware: Firmware;
}

/** One kind of source. All of them move the one count of the shim. */
export interface SourceRow {
  /** What `protection()` calls it. */
  readonly name: SourceName;
  /** The bit of the shim's status that says that it is looked at. */
  readonly status: number;
  /** Whether it is a page that the hypervisor writes before the first instruction after resume. */
  readonly isPage: boolean;
  /** What the program has named of it, for a message; undefined if nothing. */
  named(named: NamedSources): string | undefined;
  /** Whether the same is looked for where the program names nothing. @default {false} */
  readonly isSoughtAnyway?: boolean;
  /**
   * Has the shim look at it.
   *
   * @returns where it was found, as far as that can be said
   * @throws What `explain()` has words for
   */
  attach(visit: Visit): string | undefined;
  /** How it was confirmed, from the shim's status. */
  confirmedBy(status: number): Confirmation | undefined;
  /** Why one that this process has attached before, by whichever realm, is not what the program names now. */
  differs?(visit: Visit): NoSource | undefined;
}

/**
 * All kinds of sources, in order of preference. A new one is one file and one row. They are attached in the same order,
 * since what the ACPI events are worth depends on the vmclock's page; but the first one last: mapping it ends discovery.
 */
export const SOURCES: readonly SourceRow[] = [
  vmGenId,
  vmClock,
  generationFile,
  acpiEvents,
];
