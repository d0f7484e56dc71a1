/**
 * Draws from several generators in turn, without pause. A source tells on
 * request what it drew last; a clone, what it drew after the fork.
 */

import { configure, Crng, protection } from "../../../mod.ts";
import { poll, send } from "./channel.ts";
import { openWitness } from "./witness.ts";

/** The generators, in this order: two of each, as a key may lie across two pages of memory. */
export const STRATEGIES = [
  "injection",
  "injection",
  "input-pool",
  "input-pool",
] as const;
/** Bytes of a draw. */
export const SIZE = 16;

/** How many of its last rounds, a draw of each generator, a source tells. */
const RECENT = 16_384;
/** How many of those come after the request: more than a refill lasts. */
const MORE = 1_024;

// A clone stops after whichever comes first.
const ROUNDS = 100_000;
const AFTER_MS = 3_000;
const LOOK_EVERY = 64;

if (import.meta.main) run();

function run(): void {
  const witness = openWitness();
  configure({ require: "memory" });
  const generators = STRATEGIES.map((strategy) => new Crng({ strategy }));
  const round = new Uint8Array(generators.length * SIZE);
  const draws = generators.map((_, i) =>
    round.subarray(i * SIZE, (i + 1) * SIZE)
  );
  const recent = new Uint8Array(RECENT * round.length);
  const after = new Uint8Array(ROUNDS * round.length);
  const times = new Float64Array(ROUNDS);
  let rounds = 0;
  let tellAt = 0;
  let kept = 0;

  while (kept < ROUNDS) {
    const before = witness.count();
    for (let i = 0; i < generators.length; i++) {
      generators[i]!.getRandomValues(draws[i]!);
    }
    if (before === 1) {
      recent.set(round, (rounds++ % RECENT) * round.length);
      if (rounds === RECENT) {
        send("warm", JSON.stringify(protection().hardware));
      }
      if (rounds === tellAt) send("recent", recent);
      if (rounds % LOOK_EVERY === 0 && poll() === "recent?") {
        tellAt = rounds + MORE;
      }
      continue;
    }
    after.set(round, kept * round.length);
    times[kept++] = performance.now();
    if (times[kept - 1]! - times[0]! > AFTER_MS) break;
  }
  send("after", after.subarray(0, kept * round.length));
  send("times", new Uint8Array(times.buffer, 0, kept * 8));
}
