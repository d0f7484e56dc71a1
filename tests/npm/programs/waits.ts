// Ends worker threads, and then the process, while they wait for the page to change.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { loadShim } from "../../../ffi/mod.ts";
import { ShimSource } from "../../../ffi/sources/shim_source.ts";

const WORKERS = 3;
const ROUNDS = 3;

/** Begins a wait that nothing ends. */
function wait(): void {
  const shim = loadShim();
  if (!("symbols" in shim)) throw new Error(shim.reason);
  const source = new ShimSource({ name: "test", timely: true }, shim);
  const { signal } = new AbortController();
  void source.changed(source.generation(), signal);
}

async function endWaiting(): Promise<void> {
  const workers = Array.from(
    { length: WORKERS },
    () => new Worker(fileURLToPath(import.meta.url)),
  );
  await Promise.all(
    workers.map((worker) =>
      new Promise((resolve) => worker.once("message", resolve))
    ),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
}

async function main(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await endWaiting();
  wait();
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log("ended");
  process.exit(0);
}

if (isMainThread) await main();
else {
  wait();
  setTimeout(() => parentPort!.postMessage("waiting"), 50);
}
