// Quiesces a process in which the main program has loaded the shim from the file that is given, and a Worker the
// embedded one: two copies, two counts. Once the Worker has closed its generator, one of them is not in use.
import { configure, getRandom, quiesce, resume } from "../../mod.ts";

const source = `
  import { defaultCrng, getRandom } from ${
  JSON.stringify(new URL("../../mod.ts", import.meta.url).href)
};
  onmessage = ({ data }) => {
    if (data === "close") defaultCrng().close();
    else getRandom(16);
    postMessage(data);
  };
`;
const url = URL.createObjectURL(
  new Blob([source], { type: "text/typescript" }),
);
const worker = new Worker(url, { type: "module" });
const ask = (message: string) =>
  new Promise<string>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = reject;
    worker.postMessage(message);
  });

/** What a quiesce has reached. */
async function tryQuiesce() {
  const { complete, notWiped } = await quiesce({ timeoutMs: 200 });
  await resume();
  return { complete, notWiped };
}

configure({ shim: Deno.args[0]! });
getRandom(1);
const alone = await tryQuiesce();
await ask("draw");
const beside = await tryQuiesce();
await ask("close");
const again = await tryQuiesce();
worker.terminate();
console.log(JSON.stringify({ alone, beside, again }));
