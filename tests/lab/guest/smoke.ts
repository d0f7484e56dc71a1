/** Draws `crypto.randomUUID()` back to back; a clone reports what it drew. */

import { poll, send } from "./channel.ts";
import { openWitness } from "./witness.ts";

const AFTER = 6_000;
const LOOK_EVERY = 64;

const witness = openWitness();
const draws: string[] = [];
let sequence = 0;

send("address", String(witness.address));
while (true) {
  if (sequence % LOOK_EVERY === 0 && poll() === "sequence?") {
    send("sequence", String(sequence));
  }
  const before = witness.count();
  const draw = crypto.randomUUID();
  sequence++;
  if (before === 1) continue;
  draws.push(`${sequence} ${draw}`);
  if (draws.length === AFTER) break;
}
send("draws", draws.join("\n"));
