import type { GenerationSource } from "../../crng/ports.ts";
import type { Confirmation, ProtectionSource } from "../protection.ts";
import type { Shim } from "../shim/shim.ts";
import { attach } from "./attach.ts";
import { Firmware } from "./firmware.ts";
import {
  type Look,
  type NamedSources,
  type NoSource,
  type SourceName,
  SOURCES,
} from "./mod.ts";
import { noSource } from "./no_source.ts";
import { ShimSource } from "./shim_source.ts";

/** What a machine shows forks by. */
export interface FoundSources {
  /** All of them as one, named after the one that decides about the level. */
  readonly source: GenerationSource;
  /** Each of them, the preferred ones first. */
  readonly sources: readonly ProtectionSource[];
  /** How the one that decides about the level was confirmed. */
  readonly confirmedBy: Confirmation | undefined;
  /** One that would make the level `memory` if it were timely on this machine. */
  readonly untimely: string | undefined;
  /** Why there are not more pages among them. */
  readonly obstacles: readonly NoSource[];
}

/**
 * Has the shim look at all sources of this machine that can be used.
 *
 * @param shim the shim, whose discovery this ends
 * @param look what this realm knows from before
 * @param named what the program has named
 * @throws {ProtectionError} If something that was named cannot be used
 */
export function findSources(
  shim: Shim,
  look: Look,
  named: NamedSources,
): FoundSources {
  const visit = { shim, look, named, firmware: new Firmware(shim) };
  const found = new Map<SourceName, ProtectionSource>();
  let untimely: SourceName | undefined;
  const obstacles = new Map<SourceName, NoSource>();
  const [first, ...others] = SOURCES;
  for (const row of [...others, first!]) {
    const result = attach(row, visit);
    if ("name" in result) {
      found.set(row.name, result);
      if (row.isPage) untimely = row.name;
    } else if (row.isPage) obstacles.set(row.name, result);
  }
  const sources = SOURCES.flatMap(({ name }) => found.get(name) ?? []);
  const decides = sources.find(({ timely }) => timely) ?? sources[0];
  return {
    source: decides === undefined
      ? noSource
      : new ShimSource(decides, shim, named.eventsAtDraws),
    sources,
    confirmedBy: decides?.confirmedBy,
    untimely,
    obstacles: relevant(obstacles),
  };
}

/** The obstacle of the source with an id always; of the other one if it is there, and another obstacle. */
function relevant(obstacles: ReadonlyMap<SourceName, NoSource>): NoSource[] {
  const first = obstacles.get("vmgenid");
  const other = obstacles.get("vmclock");
  const list = first === undefined ? [] : [first];
  if (
    other !== undefined && !other.absent && other.reason !== first?.reason
  ) list.push(other);
  return list;
}
