/**
 * Warm, and with the library open, but nothing drawn: the first draws come as
 * soon as the page has changed. With `--drop-root` it gives up root first.
 */

import { Crng, getRandom, protection } from "../../../mod.ts";
import { send } from "./channel.ts";
import { dropRoot } from "./drop_root.ts";
import { openGetrandom } from "./getrandom.ts";
import { openWitness } from "./witness.ts";

/** One draw in a clone. */
export interface FirstDraw {
  readonly what: string;
  readonly hex: string;
  /** When it was done, after the page was seen to have changed. */
  readonly ms: number;
}

const witness = openWitness();
if (Deno.args.includes("--drop-root")) dropRoot();

const getrandom = openGetrandom();
const { level } = protection();
const drawn = new Crng();
drawn.getRandom(16);
const sign = new Int32Array(new SharedArrayBuffer(4));
const waiting = await startWorker();

// Before the host knows: the snapshot may come at once.
const known = witness.count();
send("warm", level);
// With what follows, so that its way is trodden.
while (witness.count() === known) getrandom(16);

const start = performance.now();
const draws: FirstDraw[] = [];
take("getrandom(2) alone", getrandom(16));
take("first draw", getRandom(16));
take("new Crng", new Crng().getRandom(16));
drawn.reseed();
take("reseed()", drawn.getRandom(16));
take("getrandom(2) alone, later", getrandom(16));
Atomics.store(sign, 0, 1);
Atomics.notify(sign, 0);
take("a waiting Worker", await drawOf(waiting));
take("a new Worker", await drawOf(await startWorker()));
send("draws", JSON.stringify(draws));

function take(what: string, bytes: Uint8Array): void {
  const ms = performance.now() - start;
  draws.push({ what, hex: bytes.toHex(), ms });
}

async function startWorker(): Promise<Worker> {
  const url = new URL("./first_worker.js", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  await messageOf(worker);
  worker.postMessage(sign);
  return worker;
}

async function drawOf(worker: Worker): Promise<Uint8Array> {
  return await messageOf(worker) as Uint8Array;
}

function messageOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
  });
}
