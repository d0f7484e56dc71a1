/** Draws without pause, and reports its first draws after every fork. */

import { BaseCrng } from "../../../crng/mod.ts";
import { openMachine } from "../../../ffi/mod.ts";
import { send } from "./channel.ts";
import { type DrawRecord, packRecords } from "./records.ts";
import { openWitness } from "./witness.ts";

const WARM = 5_000;
const AMOUNT = 2_000;

const { ports, protection } = openMachine();
if (ports === undefined) throw new Error("No protection at all");
const crng = new BaseCrng(ports);
const witness = openWitness();

let known = witness.count();
let fresh: DrawRecord[] = [];
for (let sequence = 1;; sequence++) {
  const before = witness.count();
  const value = crng.getRandom(16);
  const after = witness.count();
  if (before !== known) {
    fresh.push({ sequence, before, after, ms: 0, value });
    if (fresh.length === AMOUNT) {
      send("draws", packRecords(fresh));
      fresh = [];
      known = before;
    }
  }
  if (sequence === WARM) send("warm", protection.level);
}
