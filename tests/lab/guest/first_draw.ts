/**
 * Warm, and with the library open, but nothing drawn: the first draws come as
 * soon as the page has changed. With `--drop-root` it gives up root first, with
 * `--quiesce` it is quiesced until then, and with `--reseed-kernel` the kernel
 * has just reseeded, so that a reseed of its own is seconds away.
 */

import { Crng, getRandom, protection, quiesce } from "../../../mod.ts";
import { send } from "./channel.ts";
import { dropRoot } from "./drop_root.ts";
import { openGetrandom } from "./getrandom.ts";
import { reseedKernel } from "./reseed_kernel.ts";
import { openWitness } from "./witness.ts";

/** One draw in a clone, or several in a row. */
export interface FirstDraw {
  readonly what: string;
  readonly hex: readonly string[];
  /** When it was done, after the page was seen to have changed. */
  readonly ms: number;
}

/** Draws of getrandom(2) after ours: a stream that is shifted by some in a clone shows all the same. */
const SERIES = 200;

const witness = openWitness();
if (Deno.args.includes("--drop-root")) dropRoot();

const getrandom = openGetrandom();
const { level } = protection();
const drawn = new Crng();
drawn.getRandom(16);
const sign = new Int32Array(new SharedArrayBuffer(4));
const waiting = await startWorker();
const held = Deno.args.includes("--quiesce") ? await quiesce() : undefined;
if (held?.complete === false) throw new Error("Not quiesced");
if (Deno.args.includes("--reseed-kernel")) reseedKernel();

// Before the host knows: the snapshot may come at once.
const known = witness.count();
send("warm", level);
// With what follows, so that its way is trodden.
while (witness.count() === known) getrandom(16);

const start = performance.now();
const draws: FirstDraw[] = [];
take("getrandom(2) alone", getrandom(16));
if (held !== undefined) {
  await held[Symbol.asyncDispose]();
  take("resume()", drawn.getRandom(16));
}
take("first draw", getRandom(16));
take("new Crng", new Crng().getRandom(16));
drawn.reseed();
take("reseed()", drawn.getRandom(16));
takeSeries("getrandom(2) alone, later");
Atomics.store(sign, 0, 1);
Atomics.notify(sign, 0);
take("a waiting Worker", await drawOf(waiting));
take("a new Worker", await drawOf(await startWorker()));
takeSeries("getrandom(2) alone, last");
send("draws", JSON.stringify(draws));

function take(what: string, ...values: Uint8Array[]): void {
  const ms = performance.now() - start;
  draws.push({ what, hex: values.map((bytes) => bytes.toHex()), ms });
}

function takeSeries(what: string): void {
  take(what, ...Array.from({ length: SERIES }, () => getrandom(16)));
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
