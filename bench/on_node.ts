import { nanoid } from "nanoid";
import {
  randomBytes,
  randomFillSync,
  randomInt,
  randomUUID,
} from "node:crypto";
import { openSync, readSync } from "node:fs";
import process from "node:process";
import { v4 } from "uuid";
import { drawing, SINGLE, webCrypto } from "./contestants.ts";
import type { Contestant } from "./measure.ts";
import type { Race } from "./race.ts";

const urandom = openSync("/dev/urandom", "r");
const word = new Uint32Array(1);

function allDrawing(size: number): Contestant[] {
  const view = new Uint8Array(size);
  const { memory, hedged, noble } = drawing(size);
  return [
    memory,
    hedged,
    { name: "randomBytes", run: () => void randomBytes(size) },
    { name: "randomFillSync", run: () => void randomFillSync(view) },
    { name: "getRandomValues", run: () => webCrypto(view) },
    { name: "/dev/urandom", run: () => void readSync(urandom, view) },
    noble,
  ];
}

/** The race in Node. */
export const race: Race = {
  runtime: `Node ${process.versions.node}`,
  drawing: allDrawing,
  single: [
    ...SINGLE,
    {
      name: "crypto.getRandomValues(Uint32Array(1))",
      run: () => void crypto.getRandomValues(word),
    },
    { name: "crypto.randomUUID()", run: () => void randomUUID() },
    { name: "crypto.randomInt(0, 1000)", run: () => void randomInt(0, 1000) },
    { name: "crypto.randomBytes(16)", run: () => void randomBytes(16) },
    { name: "nanoid()", run: () => void nanoid() },
    { name: "uuid's v4()", run: () => void v4() },
  ],
  goals: [
    {
      name: "the check, in units of 40 ns",
      ours: "the check alone",
      theirs: 40,
      limit: 1,
    },
    {
      name: "a uint32 against crypto.randomBytes(16)",
      ours: "randomUint32()",
      theirs: "crypto.randomBytes(16)",
      limit: 1 / 3,
    },
    {
      name: "16 bytes against crypto.randomBytes(16)",
      ours: [16, "memory"],
      theirs: [16, "randomBytes"],
      limit: 1 / 3,
    },
    {
      name: "randomUUID() against crypto.randomUUID()",
      ours: "randomUUID()",
      theirs: "crypto.randomUUID()",
      limit: 2,
    },
  ],
};
