import { denoRuntime } from "./deno.ts";
import { nodeRuntime } from "./node.ts";
import type { Runtime } from "./runtime.ts";

let chosen: Runtime | undefined;

/** The runtime of this realm: Deno, or Node and what follows its ways. */
export function thisRuntime(): Runtime {
  return chosen ??= "Deno" in globalThis ? denoRuntime() : nodeRuntime();
}
