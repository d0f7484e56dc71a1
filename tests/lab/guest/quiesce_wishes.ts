/** What each realm of the quiesce scenario does with its generators, as the host wishes. */

import { type Crng, ProtectionError } from "../../../mod.ts";

/**
 * A wish: to be warm, to have a key and a part of a buffer, to stop the clock, to draw, or to say what a draw
 * throws.
 */
export type Wish = "warm" | "prepare" | "stop the clock" | "draw" | "code";

/** Bytes of a draw. */
export const SIZE = 16;
/** Draws that a generator has made since its reseed when the program stands still. */
export const DRAWN = 10;
/** Draws of one answer: more than a buffer holds. */
const DRAWS = 80;
const WARM_MS = 500;

/** Does it with each generator. */
export function grant(wish: Wish, generators: readonly Crng[]): string[][] {
  return generators.map((crng) => WISHES[wish](crng));
}

let preparedAt = 0;

const WISHES: Readonly<Record<Wish, (crng: Crng) => string[]>> = {
  warm: (crng) => {
    const end = performance.now() + WARM_MS;
    while (performance.now() < end) crng.getRandom(SIZE);
    return [];
  },
  prepare: (crng) => {
    crng.reseed();
    for (let i = 0; i < DRAWN; i++) crng.getRandom(SIZE);
    preparedAt = performance.now();
    return [];
  },
  // As who has the snapshot may do: no timed reseed then takes the place of the key in it.
  "stop the clock": () => {
    performance.now = () => preparedAt;
    return [];
  },
  draw: (crng) =>
    Array.from({ length: DRAWS }, () => crng.getRandom(SIZE).toHex()),
  code: (crng) => {
    try {
      crng.getRandom(SIZE);
      return ["none"];
    } catch (error) {
      return [error instanceof ProtectionError ? error.code : String(error)];
    }
  },
};
