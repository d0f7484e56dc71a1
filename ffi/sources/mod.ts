import type { GenerationSource } from "../../crng/ports.ts";
import type { Confirmation, ProtectionDevice } from "../protection.ts";
import type { Shim } from "../shim/shim.ts";
import { openVmGenId } from "./vmgenid.ts";

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
}

/** A source that was found. */
export interface FoundSource {
  /** The source. */
  readonly source: GenerationSource;
  /** How its page was confirmed. */
  readonly confirmedBy: Confirmation;
  /** The device, as far as it was found. */
  readonly device: ProtectionDevice | undefined;
}

/** Why a source could not be used, and what would change that. */
export interface NoSource {
  /** What stood in the way. */
  readonly reason: string;
  /** What would have to be granted or changed. */
  readonly remedy: string;
  /** The device, as far as it was found. */
  readonly device?: ProtectionDevice | undefined;
}

/**
 * What this realm has learnt in an earlier look, kept by the caller: discovery works once in a process, so
 * that a second look can only be told.
 */
export interface Look {
  /** The device in the ACPI tables. */
  device?: ProtectionDevice | undefined;
  /** Why its page could not be used. */
  obstacle?: NoSource | undefined;
}

/** One kind of source. */
export interface SourceRow {
  /** What `protection()` calls it. */
  readonly name: string;
  /** Looks for it. */
  open(
    shim: Shim,
    look: Look,
    inherited?: InheritedMemory,
  ): FoundSource | NoSource;
}

/** All kinds of sources, in order of preference. A new one is one file and one row. */
export const SOURCES: readonly SourceRow[] = [
  { name: "vmgenid", open: openVmGenId },
];
