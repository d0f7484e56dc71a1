import type { Clock, EntropySource, GenerationSource } from "../crng/ports.ts";
import type { CrngPorts } from "../crng/base_crng.ts";
import { openUrandom, URANDOM_PATH } from "./entropy/urandom.ts";
import { shimEntropy } from "./entropy/shim_entropy.ts";
import type {
  NotReached,
  Protection,
  ProtectionDevice,
  ProtectionLevel,
} from "./protection.ts";
import { thisRuntime } from "./runtime/mod.ts";
import { loadShim, type NoShim } from "./shim/load.ts";
import { HARDWARE_DRAW, HARDWARE_SEED, type Shim } from "./shim/shim.ts";
import {
  type FoundSource,
  type InheritedMemory,
  type Look,
  type NoSource,
  SOURCES,
} from "./sources/mod.ts";
import { noSource } from "./sources/no_source.ts";
import { refusedMemory } from "./sources/refused_memory.ts";

/** Monotonic: Deno and Node read CLOCK_MONOTONIC for it. */
const performanceClock: Clock = { now: () => performance.now() };

/** How to open a {@linkcode Machine}. */
export interface MachineOptions {
  /** The path of an installed shim. @default {`VMFORK_SHIM` if env is granted, then the two folders of `SHIM_FOLDERS`} */
  readonly shim?: string | undefined;
  /**
   * A generation source of the program's own, which it vouches for, or memory that a parent has passed
   * on. @default {the sources of this machine, in the order of `SOURCES`}
   */
  readonly source?: GenerationSource | InheritedMemory | undefined;
  /**
   * Entropy of the program's own, for tests. It takes a timely source with an id beside it.
   *
   * @default {the shim's, or `/dev/urandom`}
   */
  readonly entropy?: EntropySource | undefined;
}

/** This realm's way to the machine: the ports of a generator, and what they are worth. */
export interface Machine {
  /** The ports; undefined at level `none`. */
  readonly ports: CrngPorts | undefined;
  /** The level, and why it is not higher. */
  readonly protection: Protection;
  /** The shim behind it, if there is one. */
  readonly shim?: Shim | undefined;
  /** Gives back what was opened: the shim, files. A second call does nothing. */
  close(): void;
}

/** What a caller may put in place of the real thing. */
export interface MachineParts {
  /** The shim, in tests a simulated one. @default {`loadShim(options.shim)`} */
  readonly shim?: Shim | NoShim;
  /** What an earlier machine of the same realm has learnt. @default {nothing} */
  readonly look?: Look;
  /** Time, in tests a simulated one. @default {`performance.now()`} */
  readonly clock?: Clock;
}

/**
 * Opens the machine at the best level that its devices and this program's rights allow.
 *
 * @param options what to use instead of what would be found
 * @param parts what to put in place of the real thing
 * @throws {ProtectionError} If something that was named (a shim, a descriptor) cannot be used
 */
export function openMachine(
  options: MachineOptions = {},
  parts: MachineParts = {},
): Machine {
  const { clock = performanceClock } = parts;
  if (options.entropy !== undefined) {
    return machine(clock, withOwnEntropy(options.entropy, options));
  }
  const { shim = loadShim(options.shim), look = {} } = parts;
  if (!("symbols" in shim)) return machine(clock, withoutShim(shim, options));
  try {
    return machine(clock, withShim(shim, look, options));
  } catch (error) {
    shim.close();
    throw error;
  }
}

function withShim(shim: Shim, look: Look, options: MachineOptions): Parts {
  const hardware = shim.symbols.vmfork_hardware();
  const tested = (hardware & HARDWARE_DRAW) !== 0;
  const found = findSource(shim, look, options);
  const usable = "source" in found && found.source.timely &&
    (tested || hasId(found.source));
  const level = usable ? "memory" : tested ? "hedged" : "kernel";
  const source = "source" in found ? found.source : noSource;
  const notReached: NotReached[] = [];
  if (level !== "memory") {
    notReached.push({ level: "memory", ...whyNotMemory(found) });
  }
  if (level === "kernel") notReached.push({ level: "hedged", ...NO_HARDWARE });
  return {
    level,
    source,
    entropy: shimEntropy(shim.symbols, level !== "memory"),
    confirmedBy: usable ? found.confirmedBy : undefined,
    device: found.device,
    hardware: [
      ...(tested ? ["draw" as const] : []),
      ...(hardware & HARDWARE_SEED ? ["seed" as const] : []),
    ],
    shim: shim.origin,
    library: shim,
    notReached,
    close: () => shim.close(),
  };
}

const NO_HARDWARE = {
  reason: "the CPU offers no hardware randomness that passes its test",
  remedy: "a CPU model with RDRAND (x86-64) or RNDR (arm64)",
};

function whyNotMemory(
  found: FoundSource | NoSource,
): Omit<NotReached, "level"> {
  if (!("source" in found)) {
    return { reason: found.reason, remedy: found.remedy };
  }
  if (!found.source.timely) {
    return {
      reason:
        `the source "${found.source.name}" may show a fork late on this machine`,
      remedy: "a generation page on x86-64",
    };
  }
  return {
    reason:
      `the source "${found.source.name}" has no id, and ${NO_HARDWARE.reason}`,
    remedy: NO_HARDWARE.remedy,
  };
}

/** Without a shim there is the kernel alone. */
function withoutShim(why: NoShim, { source }: MachineOptions): Parts {
  if (source !== undefined && !isSource(source)) {
    throw refusedMemory(why);
  }
  const notReached: NotReached[] = [
    { level: "memory", ...why },
    { level: "hedged", ...why },
  ];
  const urandom = openUrandom();
  if (urandom === undefined) {
    notReached.push({
      level: "kernel",
      reason: `${URANDOM_PATH} is missing, or the permission to read it`,
      remedy: thisRuntime().readFlag(URANDOM_PATH),
    });
  }
  return {
    level: urandom === undefined ? "none" : "kernel",
    source: source ?? noSource,
    entropy: urandom,
    notReached,
    close: () => urandom?.close(),
  };
}

/**
 * Entropy of the program's own, of which nothing is known: all rests on the source, which must therefore be
 * timely and have an id. No shim is loaded.
 */
function withOwnEntropy(
  entropy: EntropySource,
  { source }: MachineOptions,
): Parts {
  const usable = isSource(source) && source.timely && hasId(source);
  return {
    level: usable ? "memory" : "none",
    source: isSource(source) ? source : noSource,
    entropy: usable ? entropy : undefined,
    confirmedBy: usable ? "caller" : undefined,
    notReached: usable ? [] : (["memory", "hedged", "kernel"] as const).map(
      (level) => ({
        level,
        reason: "nothing is known of entropy of the program's own",
        remedy:
          "a timely source with an id beside it, or the machine's entropy",
      }),
    ),
    close() {},
  };
}

interface Parts {
  readonly level: ProtectionLevel;
  readonly source: GenerationSource;
  /** Undefined at level `none`. */
  readonly entropy: EntropySource | undefined;
  readonly confirmedBy?: Protection["confirmedBy"];
  readonly device?: ProtectionDevice | undefined;
  readonly hardware?: Protection["hardware"];
  readonly shim?: string;
  readonly library?: Shim;
  readonly notReached: readonly NotReached[];
  readonly close: () => void;
}

function machine(clock: Clock, parts: Parts): Machine {
  const { source, entropy, level } = parts;
  let open = true;
  return {
    ports: entropy && {
      source,
      entropy,
      clock,
      unbuffered: level !== "memory",
    },
    protection: {
      level,
      source: source.name,
      confirmedBy: parts.confirmedBy,
      device: parts.device,
      hardware: parts.hardware ?? [],
      shim: parts.shim,
      notReached: parts.notReached,
    },
    shim: parts.library,
    close() {
      if (open) parts.close();
      open = false;
    },
  };
}

/** The program's own source, or the first of this machine's that can be used. */
function findSource(
  shim: Shim,
  look: Look,
  { source }: MachineOptions,
): FoundSource | NoSource {
  try {
    if (!isSource(source)) return discover(shim, look, source);
    return { source, confirmedBy: "caller", device: undefined };
  } finally {
    shim.symbols.vmfork_seal(); // nobody in this process needs to look any more
  }
}

function discover(
  shim: Shim,
  look: Look,
  inherited: InheritedMemory | undefined,
): FoundSource | NoSource {
  let first: NoSource | undefined;
  for (const row of SOURCES) {
    const found = row.open(shim, look, inherited);
    if ("source" in found) return found;
    first ??= found;
  }
  return first!;
}

function isSource(
  source: MachineOptions["source"],
): source is GenerationSource {
  return source !== undefined && "generation" in source;
}

function hasId(source: GenerationSource): boolean {
  const id = new Uint8Array(16);
  const length = source.uniqueId(id);
  id.fill(0);
  return length === id.length;
}
