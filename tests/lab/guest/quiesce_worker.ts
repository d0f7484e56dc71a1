/// <reference lib="deno.worker" />

/** A realm of its own: does with its default generator what the main realm asks for. */

import { defaultCrng } from "../../../mod.ts";
import { grant, type Wish } from "./quiesce_wishes.ts";

self.onmessage = ({ data }: MessageEvent<Wish>) => {
  self.postMessage(grant(data, [defaultCrng()]));
};
