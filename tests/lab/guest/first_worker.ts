/// <reference lib="deno.worker" />

/** A Worker whose first draw waits for a sign. */

import { getRandom } from "../../../mod.ts";

self.onmessage = ({ data }: MessageEvent<Int32Array>) => {
  Atomics.wait(data, 0, 0);
  self.postMessage(getRandom(16));
};
self.postMessage("ready");
