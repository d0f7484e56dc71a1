// random.c: CRNG_RESEED_START_INTERVAL (1 s) and CRNG_RESEED_INTERVAL (60 s).
/** The shortest time between two reseeds, in milliseconds. */
export const CRNG_RESEED_START_INTERVAL = 1_000;
/** The longest time between two reseeds, in milliseconds. */
export const CRNG_RESEED_INTERVAL = 60_000;

/**
 * When the next timed reseed is due: after half of the time since the last fork was seen, between 1 s
 * and 60 s. The counterpart of `crng_reseed_interval()`, which counts from boot: just after a fork is
 * when a key is most likely to be known to others.
 *
 * @param last the time of the last reseed, in milliseconds
 * @param forkSeenAt the time when the last fork was seen, or of the first seeding
 * @returns the time of the next one
 * @example
 * ```ts
 * import { nextReseed } from "@vmfork/crng/crng";
 *
 * if (nextReseed(5_000, 5_000) !== 6_000) throw new Error("unreachable");
 * ```
 */
export function nextReseed(last: number, forkSeenAt: number): number {
  const half = (last - forkSeenAt) / 2;
  return last +
    Math.min(
      CRNG_RESEED_INTERVAL,
      Math.max(CRNG_RESEED_START_INTERVAL, half),
    );
}
