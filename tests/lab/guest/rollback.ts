/**
 * A program that serves, as far as its draws go: some, then the event loop, then some again. After the
 * host's `report` it tells what it drew, and what its listener was told meanwhile.
 */

import {
  configure,
  getRandom,
  onVmFork,
  protection,
  type VmForkEvent,
} from "../../../mod.ts";
import { poll, receive, send } from "./channel.ts";
import { openGetrandom } from "./getrandom.ts";
import { makePosition } from "./position.ts";
import { type DrawRecord, packRecords } from "./records.ts";
import { uuidBytes } from "./sources.ts";

/** What the listener was told, and the last draw before it. */
export interface Told extends VmForkEvent {
  readonly sequence: number;
}

const STREAMS = ["ours", "deno", "kernel"] as const;
const WARM = 1_024;
/** Draws between two turns of the event loop. */
const BATCH = 256;
/** Draws from before the report that are kept. */
const KEPT = 2_048;
const AFTER = 4_000;

if (Deno.args.includes("--events-at-draws")) configure({ eventsAtDraws: true });
const getrandom = openGetrandom();
const position = makePosition();
const told: Told[] = [];
let records: DrawRecord[][] = STREAMS.map(() => []);
let sequence = 0;
onVmFork((event) => void told.push({ ...event, sequence }));
send("protection", JSON.stringify(protection()));

for (let end = Infinity; sequence < end;) {
  for (let i = 0; i < BATCH; i++) draw();
  // A timer, as the library's own: both get their turn.
  await new Promise((resolve) => setTimeout(resolve, 0));
  if (sequence === WARM) send("warm", "");
  if (end === Infinity && poll() === "report") end = sequence + AFTER;
  if (end === Infinity && sequence % KEPT === 0) {
    records = records.map((list) => list.slice(-KEPT));
  }
}
for (const [i, name] of STREAMS.entries()) {
  send(name, packRecords(records[i]!));
}
send("told", JSON.stringify(told));
// On, for the host would take an end in the timeline that is undone for one in the next.
while (true) await receive();

function draw(): void {
  position.set(++sequence);
  const ms = performance.now();
  const values = [getRandom(16), uuidBytes(crypto.randomUUID()), getrandom(16)];
  values.forEach((value, i) =>
    records[i]!.push({ sequence, before: 0, after: 0, ms, value })
  );
}
