/**
 * Generators in three realms, each with a key and a part of a buffer when the program stands still. It then
 * does what the host says: draw on, quiesce, or resume and draw on.
 */

import {
  Crng,
  defaultCrng,
  protection,
  quiesce,
  type Quiesced,
} from "../../../mod.ts";
import { receive, send } from "./channel.ts";
import { MARK_LENGTH, writeMark } from "./position.ts";
import { grant, type Wish } from "./quiesce_wishes.ts";

/** What the program says once it is quiesced. */
export interface QuiesceReport {
  readonly quiesced: Quiesced;
  readonly ms: number;
  /** By generator, the code of what a draw throws meanwhile. */
  readonly codes: readonly (readonly string[])[];
}

const WORKERS = 2;

// What the search must find, also in the second snapshot: once in bytes, once in small integers.
const mark = new Uint8Array(MARK_LENGTH);
writeMark(mark);
Object.assign(globalThis, { mark, words: [...new Int32Array(mark.buffer)] });

const own = [defaultCrng(), new Crng()];
const url = new URL("./quiesce_worker.js", import.meta.url);
const workers = Array.from(
  { length: WORKERS },
  () => new Worker(url, { type: "module" }),
);
await askAll("warm");
await askAll("prepare");
send("ready", protection().level);

let held: Quiesced | undefined;
while (true) {
  const line = await receive();
  if (line === "quiesce") {
    const start = performance.now();
    held = await quiesce();
    const ms = performance.now() - start;
    const report = { quiesced: held, ms, codes: await askAll("code") };
    send("quiesced", JSON.stringify(report));
    continue;
  }
  if (line === "resume") await held?.[Symbol.asyncDispose]();
  else await askAll("stop the clock");
  send("draws", JSON.stringify(await askAll("draw")));
}

/** Of all generators: first this realm's, then each Worker's. */
async function askAll(wish: Wish): Promise<string[][]> {
  const answers = workers.map((worker) =>
    new Promise<string[][]>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage(wish);
    })
  );
  return [...grant(wish, own), ...(await Promise.all(answers)).flat()];
}
