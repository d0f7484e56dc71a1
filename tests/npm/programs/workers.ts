// Draws in several worker threads, each of them a realm of its own, and ends them while they draw.
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { getRandom, protection } from "../../../mod.ts";

const WORKERS = 4;

function work(): void {
  parentPort!.postMessage({
    level: protection().level,
    first: getRandom(32).join(),
  });
  for (;;) getRandom(100);
}

async function main(): Promise<void> {
  const workers = Array.from(
    { length: WORKERS },
    () => new Worker(fileURLToPath(import.meta.url)),
  );
  const messages = await Promise.all(
    workers.map((worker) =>
      new Promise<{ level: string; first: string }>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      })
    ),
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  const { level } = protection();
  console.log(JSON.stringify({
    sameLevel: messages.every((message) => message.level === level),
    different: new Set([getRandom(32).join(), ...messages.map((m) => m.first)])
      .size,
  }));
}

if (isMainThread) await main();
else work();
