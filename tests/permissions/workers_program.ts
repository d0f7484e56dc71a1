// Draws in several Workers at once, each of them a realm of its own, and ends them while they draw. (A Worker
// in a loop that never gives way cannot be ended in Deno 2.9, whatever it does; these give way.)
const source = `
  import { getRandom, protection } from ${
  JSON.stringify(new URL("../../mod.ts", import.meta.url).href)
};
  const level = protection().level;
  const first = getRandom(32).join();
  postMessage({ level, first });
  for (;;) {
    for (let i = 0; i < 100; i++) getRandom(100);
    await new Promise((resolve) => setTimeout(resolve));
  }
`;
const url = URL.createObjectURL(
  new Blob([source], { type: "text/typescript" }),
);
const workers = Array.from(
  { length: 6 },
  () => new Worker(url, { type: "module" }),
);
const messages = await Promise.all(
  workers.map((worker) =>
    new Promise<{ level: string; first: string }>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
    })
  ),
);
for (const worker of workers) worker.terminate();
/** The memory files of the shim that this process has made. */
const memoryFiles = [...Deno.readDirSync("/proc/self/fd")].filter(
  ({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith(
        "/memfd:libvmfork-",
      );
    } catch {
      return false; // the descriptor of the listing itself
    }
  },
);
console.log(JSON.stringify({
  memoryFiles: memoryFiles.length,
  levels: [...new Set(messages.map(({ level }) => level))],
  different: new Set(messages.map(({ first }) => first)).size,
}));
