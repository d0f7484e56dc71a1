/** One thing to time. */
export interface Contestant {
  readonly name: string;
  /** One draw. */
  readonly run: () => void;
}

const ROUNDS = 9;
const ROUND_MS = 12;
const WARM_UP_MS = 60;

/** Runs it as often as fits into the time; nanoseconds for one. */
function timed(run: () => void, iterations: number): number {
  const started = performance.now();
  for (let i = 0; i < iterations; i++) run();
  return (performance.now() - started) * 1e6 / iterations;
}

/** Warms it up and says how often it runs in one round. */
function calibrate(run: () => void): number {
  let iterations = 1;
  let spent = 0;
  for (;;) {
    const ns = timed(run, iterations);
    spent += ns * iterations / 1e6;
    if (spent > WARM_UP_MS) return Math.max(1, Math.round(ROUND_MS * 1e6 / ns));
    iterations *= 2;
  }
}

/**
 * Times contestants in turns, so that a noisy machine is noisy for all, and gives each one's best round in
 * nanoseconds a draw.
 */
export function measure(
  contestants: readonly Contestant[],
): Map<string, number> {
  const iterations = contestants.map(({ run }) => calibrate(run));
  const best = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    contestants.forEach(({ name, run }, i) => {
      const ns = timed(run, iterations[i]!);
      best.set(name, Math.min(best.get(name) ?? Infinity, ns));
    });
  }
  return best;
}
