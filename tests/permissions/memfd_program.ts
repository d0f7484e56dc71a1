// Many Workers load the embedded shim at once. First this thread holds the lock under which they do, so that all
// of them stand waiting; then it lets go. Prints how many loaded in spite of it, and the memory files made.
const WORKERS = 12;
/** Milliseconds in which a Worker that does not wait would long have loaded: it takes some 10. */
const HELD = 500;
const O_RDONLY = 0;
const LOCK_EX = 2;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
});
const source = `
  import { getRandom } from ${
  JSON.stringify(new URL("../../mod.ts", import.meta.url).href)
};
  onmessage = () => {
    getRandom(1);
    postMessage("loaded");
  };
  postMessage("ready");
`;
const url = URL.createObjectURL(
  new Blob([source], { type: "text/typescript" }),
);
/** The next message of a Worker. */
const heard = (worker: Worker) =>
  new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = reject;
  });

const workers = Array.from(
  { length: WORKERS },
  () => new Worker(url, { type: "module" }),
);
await Promise.all(workers.map(heard));

const lock = libc.open(new TextEncoder().encode("/proc/self/fd\0"), O_RDONLY);
if (libc.flock(lock, LOCK_EX) !== 0) throw new Error("Cannot lock");
let loaded = 0;
const all = Promise.all(workers.map(async (worker) => {
  const done = heard(worker);
  worker.postMessage("load");
  await done;
  loaded++;
}));
await new Promise((resolve) => setTimeout(resolve, HELD));
const inSpiteOfLock = loaded;
libc.close(lock);
await all;
for (const worker of workers) worker.terminate();

const targets = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${name}`);
  } catch {
    return ""; // the descriptor of the listing itself
  }
});
const memoryFiles =
  targets.filter((path) => path.startsWith("/memfd:libvmfork-")).length;
console.log(JSON.stringify({ loaded, inSpiteOfLock, memoryFiles }));
