import type { ProtectionSource } from "../protection.ts";
import { STATUS_SEALED } from "../shim/shim.ts";
import type { NoSource, SourceRow, Visit } from "./mod.ts";
import { explain, Sealed } from "./obstacles.ts";
import { refused } from "./refused.ts";

/**
 * Has the shim look at a source, or finds that another realm of this process has done so: each kind of source is
 * looked at once, for all.
 *
 * @throws {ProtectionError} If it was named and cannot be used
 */
export function attach(
  row: SourceRow,
  visit: Visit,
): ProtectionSource | NoSource {
  const { symbols } = visit.shim;
  try {
    const status = symbols.vmfork_status();
    if (status & row.status) return attached(row, visit);
    if (status & STATUS_SEALED) {
      throw new Sealed(knownObstacle(row, visit));
    }
    notePath(row, visit, row.attach(visit));
    return attached(row, visit);
  } catch (error) {
    // Read again: another realm may have been faster, or may have ended discovery in between.
    const status = symbols.vmfork_status();
    if (status & row.status) return attached(row, visit);
    const obstacle = explain(error, (status & STATUS_SEALED) !== 0);
    noteObstacle(row, visit, obstacle);
    refuseNamed(row, visit, obstacle, error);
    return obstacle;
  }
}

function attached(row: SourceRow, visit: Visit): ProtectionSource {
  const different = row.differs?.(visit);
  if (different !== undefined) refuseNamed(row, visit, different);
  const { shim, look, named } = visit;
  const late = row.name === "acpi-events" && !named.eventsAtDraws;
  return {
    name: row.name,
    timely: row.isPage && shim.cachedPages,
    consulted: late ? "watchers" : "draws",
    confirmedBy: row.confirmedBy(shim.symbols.vmfork_status()),
    path: look.paths?.[row.name],
  };
}

function notePath(
  { name }: SourceRow,
  { look }: Visit,
  path: string | undefined,
): void {
  if (path !== undefined) look.paths = { ...look.paths, [name]: path };
}

function noteObstacle(
  row: SourceRow,
  { look, named }: Visit,
  { reason, remedy, absent = false }: NoSource,
): void {
  const obstacle = { reason, remedy, absent, named: row.named(named) };
  look.obstacles = { ...look.obstacles, [row.name]: obstacle };
}

/** What an earlier look has met, if it looked for the same. */
function knownObstacle(
  row: SourceRow,
  { look, named }: Visit,
): NoSource | undefined {
  const known = look.obstacles?.[row.name];
  if (row.isSoughtAnyway || known?.named === row.named(named)) return known;
  return undefined;
}

function refuseNamed(
  row: SourceRow,
  { named }: Visit,
  obstacle: NoSource,
  cause?: unknown,
): void {
  const what = row.named(named);
  if (what !== undefined) throw refused(what, obstacle, cause);
}
