import type { Clock, EntropySource, GenerationSource } from "../crng/ports.ts";
import type { CrngPorts } from "../crng/base_crng.ts";
import { openUrandom, URANDOM_PATH } from "./entropy/urandom.ts";
import { shimEntropy } from "./entropy/shim_entropy.ts";
import type {
  NotReached,
  Protection,
  ProtectionDevice,
  ProtectionLevel,
  ProtectionSource,
} from "./protection.ts";
import { thisRuntime } from "./runtime/mod.ts";
import { loadShim, type NoShim } from "./shim/load.ts";
import { HARDWARE_DRAW, HARDWARE_SEED, type Shim } from "./shim/shim.ts";
import {
  chooseSources,
  isSource,
  OWN_SOURCE,
  ownSource,
  refuseNamed,
} from "./sources/choose.ts";
import type { FoundSources } from "./sources/find.ts";
import type {
  GenerationFile,
  InheritedClock,
  InheritedMemory,
  Look,
  NoSource,
} from "./sources/mod.ts";

/** Monotonic: Deno and Node read CLOCK_MONOTONIC for it. */
const performanceClock: Clock = { now: () => performance.now() };

/** How to open a {@linkcode Machine}. */
export interface MachineOptions {
  /** The path of an installed shim. @default {`VMFORK_SHIM` if env is granted, then the two folders of `SHIM_FOLDERS`} */
  readonly shim?: string | undefined;
  /**
   * A generation source of the program's own, which it vouches for and which is then the only one, or what a
   * parent has passed on: memory, a vmclock, or both in one object. @default {the sources of this machine}
   */
  readonly source?:
    | GenerationSource
    | InheritedMemory
    | InheritedClock
    | undefined;
  /** A counter that the platform keeps in a file, looked at beside the other sources. @default {none} */
  readonly generationFile?: GenerationFile | undefined;
  /**
   * Whether draws look at the count of the ACPI event too: each look reads a file, for up to a tenth of a
   * millisecond.
   * @default {false}
   */
  readonly eventsAtDraws?: boolean | undefined;
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
  const found = chooseSources(shim, look, options);
  const usable = found.source.timely && (tested || hasId(found.source));
  const level = usable ? "memory" : tested ? "hedged" : "kernel";
  const notReached: NotReached[] = [];
  if (level !== "memory") {
    for (const { reason, remedy } of whyNotMemory(found, shim)) {
      notReached.push({ level: "memory", reason, remedy });
    }
  }
  if (level === "kernel") notReached.push({ level: "hedged", ...NO_HARDWARE });
  return {
    level,
    source: found.source,
    sources: found.sources,
    entropy: shimEntropy(shim.symbols, level !== "memory"),
    confirmedBy: usable ? found.confirmedBy : undefined,
    device: isSource(options.source) ? undefined : look.device,
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

const LATE = "may show a fork late on this machine";
const NOT_LATE = "a generation page on x86-64";

function whyNotMemory(
  { source, untimely, obstacles }: FoundSources,
  { cachedPages }: Shim,
): readonly NoSource[] {
  if (source.timely) {
    const reason =
      `the source "${source.name}" has no id, and ${NO_HARDWARE.reason}`;
    return [{ reason, remedy: NO_HARDWARE.remedy }, ...obstacles];
  }
  if (untimely !== undefined) {
    return [{ reason: `the source "${untimely}" ${LATE}`, remedy: NOT_LATE }];
  }
  if (cachedPages) return obstacles;
  // Who removes the obstacle is to know that the level stays.
  return [...obstacles, { reason: `a page ${LATE}`, remedy: NOT_LATE }];
}

/** Without a shim there is the kernel alone. */
function withoutShim(why: NoShim, options: MachineOptions): Parts {
  const { source } = options;
  refuseNamed(options, why);
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
    ...ownSource(source),
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
  { source, ...options }: MachineOptions,
): Parts {
  refuseNamed(options, OWN_SOURCE);
  const usable = isSource(source) && source.timely && hasId(source);
  return {
    level: usable ? "memory" : "none",
    ...ownSource(source),
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
  readonly sources: readonly ProtectionSource[];
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
      sources: parts.sources,
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

function hasId(source: GenerationSource): boolean {
  const id = new Uint8Array(16);
  const length = source.uniqueId(id);
  id.fill(0);
  return length === id.length;
}
