/**
 * Deno's sources and ours. With `--drop-root` it gives up root first, with `--no-ffi` the permission for
 * the shim.
 */

import { Crng, protection } from "../../../mod.ts";
import { openChannel, send } from "./channel.ts";
import { serve, type Source } from "./draw_loop.ts";
import { dropRoot } from "./drop_root.ts";
import { openGetrandom } from "./getrandom.ts";
import { ed25519, nanoids, source, uuidBytes } from "./sources.ts";
import { openWitness } from "./witness.ts";

const getrandom = openGetrandom();
const identity = (bytes: Uint8Array): Uint8Array => bytes;

const witness = openWitness();
if (Deno.args.includes("--drop-root")) dropRoot();
if (Deno.args.includes("--no-ffi")) {
  openChannel();
  Deno.permissions.revokeSync({ name: "ffi" });
}

const { level, hardware } = protection();
send("protection", JSON.stringify({ level, hardware }));

const sources: Record<string, Source> = {
  randomUUID: source(() => crypto.randomUUID(), uuidBytes),
  getRandomValues: source(
    () => crypto.getRandomValues(new Uint8Array(16)),
    identity,
  ),
  ed25519,
  nanoid: nanoids,
  getrandom: source(() => getrandom(16), identity),
  inputPool: ours("input-pool"),
};
// It needs the unique id, which only this level has.
if (level === "memory") sources.injection = ours("injection");

await serve(sources, witness.count);

function ours(strategy: "input-pool" | "injection"): Source {
  const crng = new Crng({ strategy });
  return source(() => crng.getRandom(16), identity);
}
