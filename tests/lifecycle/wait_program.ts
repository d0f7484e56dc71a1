// Waits for forks in the shim until the wait is aborted: this keeps the process alive.
import { watchForks } from "../../mod.ts";

const started = performance.now();
const signal = AbortSignal.timeout(600);
for await (const { source } of watchForks({ signal, wait: true })) {
  console.log(source);
}
console.log(performance.now() - started >= 500 ? "ended" : "too early");
