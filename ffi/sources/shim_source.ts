import type { GenerationSource } from "../../crng/ports.ts";
import { ProtectionError } from "../../crng/errors.ts";
import {
  check,
  requireLength,
  type Shim,
  ShimError,
  SOURCE_EVENTS,
  SOURCE_FILE,
  SOURCE_RESUME,
  SOURCE_VMCLOCK,
  SOURCE_VMGENID,
  STATUS_QUIESCED,
} from "../shim/shim.ts";

/** How often a wait looks at the page, in milliseconds. */
const WAIT_INTERVAL_MS = 20;
/**
 * How long one wait takes at most. A Worker that was ended gives its place back after this time, and Node waits
 * for it: no hook of an environment runs before.
 */
const WAIT_TIMEOUT_MS = 250;
/** Linux, <asm-generic/errno.h>: the wait was woken. */
const ECANCELED = 125;
const UNIQUE_ID_LENGTH = 16;

/** What the bits of `vmfork_changed_by()` are called. */
const CHANGED_BY: readonly (readonly [bit: number, name: string])[] = [
  [SOURCE_VMGENID, "vmgenid"],
  [SOURCE_VMCLOCK, "vmclock"],
  [SOURCE_FILE, "generation-file"],
  [SOURCE_EVENTS, "acpi-events"],
  [SOURCE_RESUME, "resume"],
];

/** All sources that the shim looks at, with the one count that it keeps for the whole process. */
export class ShimSource implements GenerationSource {
  readonly name: string;
  readonly timely: boolean;
  /** The shim's own function: nothing stands between a draw and the page. */
  readonly generation: () => number;
  /** The same, with a look at the ACPI events: it reads a file, for up to a tenth of a millisecond. */
  readonly look: () => number;
  readonly #shim: Shim;

  /**
   * @param decides the name and worth of the source that decides about the level
   * @param shim the shim
   * @param eventsAtDraws whether draws look at the ACPI events as well @default {false}
   */
  constructor(
    decides: { readonly name: string; readonly timely: boolean },
    shim: Shim,
    eventsAtDraws: boolean = false,
  ) {
    const { vmfork_generation, vmfork_look } = shim.symbols;
    this.name = decides.name;
    this.timely = decides.timely;
    this.generation = eventsAtDraws ? vmfork_look : vmfork_generation;
    this.look = vmfork_look;
    this.#shim = shim;
  }

  /** Where the last change of the count was seen, joined by "+" if in several. */
  changedBy(): string {
    const bits = this.#shim.symbols.vmfork_changed_by();
    const names = CHANGED_BY.filter(([bit]) => bits & bit);
    return names.map(([, name]) => name).join("+") || this.name;
  }

  quiesced(): boolean {
    return (this.#shim.symbols.vmfork_status() & STATUS_QUIESCED) !== 0;
  }

  uniqueId(into: Uint8Array): number {
    requireLength(into, UNIQUE_ID_LENGTH);
    const result = this.#shim.symbols.vmfork_unique_id(
      into as Uint8Array<ArrayBuffer>,
    );
    if (result >= 0) return result;
    throw new ProtectionError(
      "generation-unreadable",
      `Cannot draw as the unique id of "${this.name}" cannot be read`,
      { cause: new ShimError("vmfork_unique_id", -result) },
    );
  }

  async changed(known: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#shim.closed) {
        throw new ProtectionError(
          "closed",
          "Cannot wait as the shim is closed",
        );
      }
      const count = this.look();
      if (count !== known) return count;
      await this.#wait(known, signal);
    }
  }

  async #wait(known: number, signal: AbortSignal): Promise<void> {
    const { symbols } = this.#shim;
    const handle = check("vmfork_wait_open", symbols.vmfork_wait_open());
    const wake = (): void => void symbols.vmfork_wake(handle);
    signal.addEventListener("abort", wake);
    try {
      const result = await symbols.vmfork_wait(
        handle,
        known,
        WAIT_INTERVAL_MS,
        WAIT_TIMEOUT_MS,
      );
      if (result !== -ECANCELED) check("vmfork_wait", result);
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }
}
