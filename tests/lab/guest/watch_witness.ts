/// <reference lib="deno.worker" />

/** A second pair of eyes: when the page changed, on the clock that all threads share. */

import { openClockWitness } from "./clock_witness.ts";
import { openWitness } from "./witness.ts";

/** How long it sleeps between two looks, so that it takes little from the others. */
const NAP_MS = 0.2;

const nap = new Int32Array(new SharedArrayBuffer(4));

self.onmessage = ({ data }: MessageEvent<"vmgenid" | "vmclock">) => {
  const witness = data === "vmgenid" ? openWitness() : openClockWitness();
  self.postMessage("ready");
  for (let known = 1;; known++) {
    let last = now();
    while (witness.count() === known) {
      last = now();
      Atomics.wait(nap, 0, 0, NAP_MS);
    }
    self.postMessage(last);
  }
};

function now(): number {
  return performance.timeOrigin + performance.now();
}
