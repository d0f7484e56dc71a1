// Waits for forks until the wait is aborted, which is all that keeps the process alive: a top-level await might, too.
import { watchForks } from "../../mod.ts";

async function watch(signal: AbortSignal): Promise<void> {
  for await (const { source } of watchForks({ signal, wait: true })) {
    console.log(source);
  }
  console.log("ended");
}

const controller = new AbortController();
void watch(controller.signal);
Deno.unrefTimer(setTimeout(() => controller.abort(), 600));
