// Quiesces a process of several Workers, one of which is busy in a loop that does not give way; then ends Workers
// that watch and wait.
import { getRandom, onVmFork, quiesce, resume } from "../../mod.ts";

/** In which the Workers that are not busy wipe, also on a busy host. */
const QUIESCE_MS = 3_000;

const source = `
  import { getRandom, onQuiesce, onVmFork } from ${
  JSON.stringify(new URL("../../mod.ts", import.meta.url).href)
};
  const draw = () => {
    try {
      return getRandom(16).join();
    } catch (error) {
      return error.code;
    }
  };
  onQuiesce(() => postMessage("wiped"));
  onVmFork(() => {}, { wait: true });
  self.onmessage = ({ data: busy }) => {
    if (busy !== null) {
      Atomics.store(busy, 0, 1);
      while (Atomics.load(busy, 0) === 1) draw(); // gives way only when told to
    }
    postMessage(draw());
  };
  draw();
  postMessage("ready");
`;
const url = URL.createObjectURL(
  new Blob([source], { type: "text/typescript" }),
);
const workers = Array.from(
  { length: 3 },
  () => new Worker(url, { type: "module" }),
);
const said: string[][] = workers.map((worker, i) => {
  worker.onmessage = ({ data }) => said[i]!.push(data);
  return [];
});
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
const all = (condition: (said: string[]) => boolean) => (): boolean =>
  said.every(condition);
const clear = (): void => said.forEach((said) => said.splice(0));
const [busy, ...others] = workers;
await until(all((said) => said.length === 1));
clear();
getRandom(4);
onVmFork(() => {});

const flag = new Int32Array(new SharedArrayBuffer(4));
busy!.postMessage(flag);
await until(() => Atomics.load(flag, 0) === 1);
const late = await quiesce({ timeoutMs: QUIESCE_MS });
Atomics.store(flag, 0, 0);
others.forEach((worker) => worker.postMessage(null));
await until(all((said) => said.includes("quiesced") && said.includes("wiped")));
const again = await quiesce(); // the busy one has given way
await resume();
await resume();
clear();
workers.forEach((worker) => worker.postMessage(null));
await until(all((said) => said.length > 0));
const drawn = new Set(said.map((said) => said.at(-1)));
for (const worker of workers) worker.terminate();
await new Promise((resolve) => setTimeout(resolve, 500));
const alone = await quiesce();
await resume();
console.log(JSON.stringify({
  late: late.notWiped,
  again: again.notWiped,
  drawn: drawn.size,
  alone: alone.complete,
}));
