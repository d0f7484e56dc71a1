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

/** The names of the sources, by their bits. */
const NAMES: readonly (readonly [number, string])[] = [
  [SOURCE_VMGENID, "vmgenid"],
  [SOURCE_VMCLOCK, "vmclock"],
  [SOURCE_FILE, "generation-file"],
  [SOURCE_EVENTS, "acpi-events"],
  [SOURCE_RESUME, "resume"],
];

/** A source whose count the shim keeps: the whole process shares it. */
export class ShimSource implements GenerationSource {
  readonly name: string;
  readonly timely: boolean;
  /** The shim's own function: nothing stands between a draw and the page. */
  readonly generation: () => number;
  readonly #shim: Shim;

  constructor(name: string, timely: boolean, shim: Shim) {
    this.name = name;
    this.timely = timely;
    this.generation = shim.symbols.vmfork_generation;
    this.#shim = shim;
  }

  look(): number {
    return this.#shim.symbols.vmfork_look();
  }

  changedBy(): string {
    const bits = this.#shim.symbols.vmfork_changed_by();
    const names = NAMES.filter(([bit]) => (bits & bit) !== 0);
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
      const count = this.generation();
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
