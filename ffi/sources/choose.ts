import type { GenerationSource } from "../../crng/ports.ts";
import type { MachineOptions } from "../machine.ts";
import type { Shim } from "../shim/shim.ts";
import { findSources, type FoundSources } from "./find.ts";
import { type Look, type NamedSources, type NoSource, SOURCES } from "./mod.ts";
import { noSource } from "./no_source.ts";
import { refused } from "./refused.ts";

/**
 * The program's own source, or all of this machine's that can be used. Ends discovery.
 *
 * @throws {ProtectionError} If a source that was named cannot be used
 */
export function chooseSources(
  shim: Shim,
  look: Look,
  options: MachineOptions,
): FoundSources {
  try {
    const { source } = options;
    if (!isSource(source)) return findSources(shim, look, namedBy(options));
    refuseNamed(options, OWN_SOURCE);
    return {
      ...ownSource(source),
      confirmedBy: "caller",
      untimely: source.name,
      obstacles: [],
    };
  } finally {
    shim.symbols.vmfork_seal(); // nobody in this process needs to look any more
  }
}

/** What the program has named beside a source of its own. */
function namedBy(
  { source, generationFile, eventsAtDraws }: MachineOptions,
): NamedSources {
  const inherited = isSource(source) ? undefined : source;
  return {
    memory: inherited && "descriptor" in inherited ? inherited : undefined,
    clock: inherited && "vmclock" in inherited ? inherited : undefined,
    file: generationFile,
    eventsAtDraws,
  };
}

/** Why nothing else is looked at where the program has a source or entropy of its own. */
export const OWN_SOURCE: NoSource = {
  reason:
    "the program has a source or entropy of its own, and no other is used",
  remedy: "the machine's own",
};

/**
 * @throws {ProtectionError} If the program has named a source that nothing will look at
 */
export function refuseNamed(options: MachineOptions, why: NoSource): void {
  const named = namedBy(options);
  for (const row of SOURCES) {
    const what = row.named(named);
    if (what !== undefined) throw refused(what, why);
  }
}

/** A source of the program's own; none if it has none. */
export function ownSource(
  source: MachineOptions["source"],
): Pick<FoundSources, "source" | "sources"> {
  if (!isSource(source)) return { source: noSource, sources: [] };
  const { name, timely } = source;
  return {
    source,
    sources: [{
      name,
      timely,
      consulted: "draws",
      confirmedBy: "caller",
      path: undefined,
    }],
  };
}

/** Whether it is a source of the program's own. */
export function isSource(
  source: MachineOptions["source"],
): source is GenerationSource {
  return source !== undefined && "generation" in source;
}
