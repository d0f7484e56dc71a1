/**
 * Draws in a machine that has a vmclock. An argument is the number of an inherited descriptor of it: such a
 * program has no root, and so no witness.
 */

import {
  configure,
  getRandom,
  onVmFork,
  protection,
  type VmForkEvent,
} from "../../../mod.ts";
import { send } from "./channel.ts";
import { openClockWitness } from "./clock_witness.ts";
import { serve } from "./draw_loop.ts";
import { openGetrandom } from "./getrandom.ts";
import { source } from "./sources.ts";

const [descriptor] = Deno.args;
if (descriptor !== undefined) {
  configure({ source: { vmclock: Number(descriptor) } });
}
const witness = descriptor === undefined ? openClockWitness() : undefined;
const getrandom = openGetrandom();

const events: VmForkEvent[] = [];
onVmFork((event) => void events.push(event));

send("user", JSON.stringify({ uid: Deno.uid(), ...protection() }));
send("clock", JSON.stringify(witness ?? {}));

await serve(
  {
    ours: source(() => getRandom(16), (bytes) => bytes),
    getrandom: source(() => getrandom(16), (bytes) => bytes),
  },
  witness?.count,
  { events: () => JSON.stringify(events) },
);
