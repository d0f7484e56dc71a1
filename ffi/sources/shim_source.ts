import { countOf, type GenerationSource } from "../../crng/ports.ts";
import { ProtectionError } from "../../crng/errors.ts";
import {
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
import { waitInShim } from "../shim/wait.ts";

/**
 * A Worker that was ended gives its place back once its wait is over, and Node waits for it: no hook of an
 * environment runs before.
 */
const WAIT = { intervalMs: 20, timeoutMs: 250 } as const;
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

  changedBy(before: number, after: number): string {
    const bits = this.#shim.symbols.vmfork_changed_by(before, after);
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
      const count = countOf(this);
      if (count !== known) return count;
      await waitInShim(this.#shim, known, { ...WAIT, signal });
    }
  }
}
