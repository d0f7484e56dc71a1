/** Without root, with a descriptor of /dev/mem and an address from a parent. */

import { configure, Crng, protection } from "../../../mod.ts";
import { send } from "./channel.ts";
import { serve } from "./draw_loop.ts";
import { source } from "./sources.ts";

const [descriptor, address = ""] = Deno.args;
configure({
  source: { descriptor: Number(descriptor), address: BigInt(address) },
});
const { level, confirmedBy } = protection();
send("user", JSON.stringify({ uid: Deno.uid(), level, confirmedBy }));

await serve({ inputPool: ours("input-pool"), injection: ours("injection") });

function ours(strategy: "input-pool" | "injection") {
  const crng = new Crng({ strategy });
  return source(() => crng.getRandom(16), (bytes) => bytes);
}
