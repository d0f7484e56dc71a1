import assert from "node:assert/strict";
import type { VmForkEvent } from "../../../mod.ts";

/** What an event shows within this time of a page that told of a fork counts as the same fork. */
const SAME_FORK_MS = 1_000;

/**
 * That listeners were told of one fork once, and by a certain source, alone or with others. On a machine
 * that is starved of time the ACPI event may come so late that it could be of a fork of its own.
 */
export function toldOnce(
  told: readonly VmForkEvent[],
  source: string,
  name: string,
): VmForkEvent {
  const all = told.map(({ source, when }) => `${source} at ${when}`).join();
  const what = `what is told of one fork, ${name}: ${all}`;
  const [first, ...others] = told;
  assert.ok(first?.source.split("+").includes(source), what);
  let last = first.when;
  for (const { source, when } of others) {
    assert.equal(source, "acpi-events", what);
    assert.ok(when - last > SAME_FORK_MS, what);
    last = when;
  }
  return first;
}
