import type { Timer } from "../../crng/ports.ts";

/**
 * The timers of a runtime.
 *
 * @param unref makes a timer one that does not keep the process alive; Deno and Node differ in this
 */
export function timerOf(unref: (timer: unknown) => void): Timer {
  return {
    every(ms, tick) {
      const timer = setInterval(tick, ms);
      unref(timer);
      return () => clearInterval(timer);
    },
    pause: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener("abort", done);
        if (signal.aborted) done();
      }),
  };
}
