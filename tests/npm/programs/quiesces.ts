// Quiesces a process of several worker threads, one of which is busy; then ends threads that watch and wait.
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import {
  getRandom,
  onQuiesce,
  onVmFork,
  quiesce,
  resume,
} from "../../../mod.ts";

function draw(): string {
  try {
    return getRandom(16).join();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function work(): void {
  onQuiesce(() => parentPort!.postMessage("wiped"));
  onVmFork(() => {}, { wait: true });
  parentPort!.on("message", (busyMs: number) => {
    const end = performance.now() + busyMs;
    while (performance.now() < end) draw(); // gives way only after that time
    parentPort!.postMessage(draw());
  });
  draw();
  parentPort!.postMessage("ready");
}

async function main(): Promise<void> {
  const workers = Array.from(
    { length: 3 },
    () => new Worker(fileURLToPath(import.meta.url)),
  );
  const said: string[][] = workers.map((worker, i) => {
    worker.on("message", (message) => said[i]!.push(message));
    return [];
  });
  const until = async (
    condition: (said: string[]) => boolean,
  ): Promise<void> => {
    while (!said.every(condition)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await until((said) => said.length === 1);
  draw();
  workers[0]!.postMessage(2000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const late = await quiesce({ timeoutMs: 800 });
  workers.slice(1).forEach((worker) => worker.postMessage(0));
  await until((said) => said.includes("quiesced") && said.includes("wiped"));
  const again = await quiesce(); // the busy one has given way
  await resume();
  await resume();
  said.forEach((said) => said.splice(0));
  workers.forEach((worker) => worker.postMessage(0));
  await until((said) => said.length > 0);
  const drawn = new Set(said.map((said) => said.at(-1))).size;
  workers[1]!.postMessage(60_000); // Node can end a thread that never gives way
  await Promise.all(workers.map((worker) => worker.terminate()));
  const alone = await quiesce();
  await resume();
  console.log(JSON.stringify({
    late: late.notWiped,
    again: again.notWiped,
    drawn,
    alone: alone.complete,
  }));
}

if (isMainThread) await main();
else work();
