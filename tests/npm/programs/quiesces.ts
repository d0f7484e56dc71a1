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

/** In which the threads that are not busy wipe, also on a busy host. */
const QUIESCE_MS = 3_000;

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
  parentPort!.on("message", (busy: Int32Array | null) => {
    if (busy !== null) {
      Atomics.store(busy, 0, 1);
      while (Atomics.load(busy, 0) === 1) draw(); // gives way only when told to
    }
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
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const all = (condition: (said: string[]) => boolean): Promise<void> =>
    until(() => said.every(condition));
  const keepBusy = async (worker: Worker): Promise<Int32Array> => {
    const flag = new Int32Array(new SharedArrayBuffer(4));
    worker.postMessage(flag);
    await until(() => Atomics.load(flag, 0) === 1);
    return flag;
  };
  await all((said) => said.length === 1);
  draw();
  const busy = await keepBusy(workers[0]!);
  const late = await quiesce({ timeoutMs: QUIESCE_MS });
  Atomics.store(busy, 0, 0);
  workers.slice(1).forEach((worker) => worker.postMessage(null));
  await all((said) => said.includes("quiesced") && said.includes("wiped"));
  const again = await quiesce(); // the busy one has given way
  await resume();
  await resume();
  said.forEach((said) => said.splice(0));
  workers.forEach((worker) => worker.postMessage(null));
  await all((said) => said.length > 0);
  const drawn = new Set(said.map((said) => said.at(-1))).size;
  await keepBusy(workers[1]!); // Node can end a thread that never gives way
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
