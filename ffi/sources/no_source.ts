import type { GenerationSource } from "../../crng/ports.ts";

/** The source of a machine that shows no fork: it never changes, and is never timely. */
export const noSource: GenerationSource = {
  name: "none",
  timely: false,
  generation: () => 1,
  uniqueId: () => 0,
  changed: (_known, signal) =>
    new Promise((_resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), {
        once: true,
      });
    }),
};
