/**
 * The sweep's guest: Workers that draw without pause. A clone reports by itself;
 * the source stands still at the host's `hold`, and at `send FIRST...` reports
 * what each thread drew around a sequence and goes on.
 */

import { poll, send } from "./channel.ts";
import type { SweepMessage, SweepStart, SweepWarm } from "./sweep_messages.ts";

const threads = Number(Deno.args[0]);
const wishes = new Int32Array(new SharedArrayBuffer(4 * (1 + threads)));
const warm: SweepWarm[] = [];

for (let thread = 0; thread < threads; thread++) {
  const url = new URL("./sweep_worker.js", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<SweepMessage>) => {
    if ("warm" in data) {
      if (warm.push(data.warm) === threads) send("warm", JSON.stringify(warm));
      return;
    }
    send(`records${thread}`, data.records);
    send(`times${thread}`, JSON.stringify(data.times));
  };
  worker.postMessage({ thread, wishes } satisfies SweepStart);
}

while (true) {
  const [word, ...firsts] = (poll() ?? "").split(" ");
  if (word === "send") {
    firsts.forEach((first, i) => Atomics.store(wishes, 1 + i, Number(first)));
  }
  if (word !== "") {
    Atomics.add(wishes, 0, 1);
    Atomics.notify(wishes, 0);
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
}
