/** Ours on Node, as the npm package that is installed beside this file; drawn in the same way as Node's own. */

import { send } from "./channel.ts";
import { serve, type Source } from "./draw_loop.ts";
import { source, uuidBytes } from "./sources.ts";

// The package is found when this runs, not when it is bundled: it is what stands in node_modules.
const [root, ffi] = ["@vmfork/crng", "@vmfork/crng/ffi"];
const { Crng }: typeof import("../../../mod.ts") = await import(root!);
const { openMachine }: typeof import("../../../ffi/mod.ts") = await import(
  ffi!
);

function ours(strategy: "input-pool" | "injection"): Source {
  const crng = new Crng({ strategy });
  return source(() => crng.getRandom(16), (bytes) => bytes);
}

const uuids = new Crng();
send("protection", JSON.stringify({ level: uuids.protection.level }));
const { source: generation } = openMachine().ports!;
await serve({
  inputPool: ours("input-pool"),
  injection: ours("injection"),
  randomUUID: source(() => uuids.randomUUID(), uuidBytes),
}, () => generation.generation());
