/**
 * Two clones of one simulated machine, and what three generators draw in them.
 *
 * @module
 */

import { BaseCrng, injection, inputPool } from "@vmfork/crng/crng";
import { runInClones, type SimulatedMachine } from "@vmfork/crng/testing";

/** A generator on a machine whose forks it is not told of: what every runtime's own generator is. */
function withoutDetection(machine: SimulatedMachine): BaseCrng {
  const ports = machine.ports();
  return new BaseCrng({
    ...ports,
    source: {
      name: "blind",
      timely: false,
      generation: () => 1,
      uniqueId: () => 0,
      changed: () => new Promise(() => {}),
    },
  });
}

const GENERATORS: Record<string, (machine: SimulatedMachine) => BaseCrng> = {
  "without detection": withoutDetection,
  "injection": (machine) =>
    new BaseCrng({ ...machine.ports(), strategy: injection }),
  "input-pool": (machine) =>
    new BaseCrng({ ...machine.ports(), strategy: inputPool }),
};

const DRAWS_BEFORE = 2;
const DRAWS_AFTER = 3;

/** Draws before and after the fork of its machine. */
function drawAcrossFork(
  machine: SimulatedMachine,
  open: (machine: SimulatedMachine) => BaseCrng,
): string[] {
  using crng = open(machine);
  const draw = (): string => crng.randomUint32().toString(16).padStart(8, "0");
  const before = Array.from({ length: DRAWS_BEFORE }, draw);
  machine.fork();
  return [...before, ...Array.from({ length: DRAWS_AFTER }, draw)];
}

/**
 * Prints the draws of both clones one above the other. The machine is the worst there is: kernel and CPU
 * give both clones the same for ever, so that only the new id can part them.
 */
export function forkSideBySide(): void {
  console.log("A simulated machine, forked into two clones at the bar");
  for (const [name, open] of Object.entries(GENERATORS)) {
    const clones = runInClones(
      2,
      { hardware: false },
      (machine) => drawAcrossFork(machine, open),
    );
    clones.forEach((draws, i) => {
      const label = i === 0 ? name : "";
      const before = draws.slice(0, DRAWS_BEFORE).join(" ");
      const after = draws.slice(DRAWS_BEFORE).join(" ");
      console.log(
        `  ${label.padEnd(18)} clone ${i + 1}   ${before} | ${after}`,
      );
    });
    const [a, b] = clones.map((draws) => draws.slice(DRAWS_BEFORE).join());
    console.log(
      `  ${"".padEnd(18)} ${
        a === b ? "the same in both clones" : "parted at the fork"
      }`,
    );
  }
}

if (import.meta.main) forkSideBySide();
