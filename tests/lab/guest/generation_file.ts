/**
 * A program in a machine without a page, which a platform's agent tells of forks through a file. The
 * arguments are the file's path and format.
 */

import {
  configure,
  forkGuard,
  getRandom,
  onVmFork,
  protection,
  ProtectionError,
  type VmForkEvent,
} from "../../../mod.ts";
import { send } from "./channel.ts";
import { makePosition } from "./position.ts";
import { type DrawRecord, packRecords } from "./records.ts";

/** What a clone says. */
export interface Heard extends VmForkEvent {
  /** The last draw before the listener was called. */
  readonly sequence: number;
  /** What a guard of before the fork said, and the code of what it threw. */
  readonly forked: boolean;
  readonly code: string;
}

const KEPT = 2_048;
const AFTER = 200;

const [path = "", format] = Deno.args;
configure({
  generationFile: { path, format: format as "u32" | "u64" | "text" },
});
const position = makePosition();
const heard: Heard[] = [];
let records: DrawRecord[] = [];
let sequence = 0;
const guard = forkGuard();
onVmFork((event) => {
  const { forked } = guard;
  heard.push({ ...event, sequence, forked, code: codeOf(guard) });
});
send("protection", JSON.stringify(protection()));

while (heard.length === 0 || sequence < heard[0]!.sequence + AFTER) {
  position.set(++sequence);
  const value = getRandom(16);
  const ms = performance.now();
  records.push({ sequence, before: 0, after: 0, ms, value });
  if (sequence % KEPT === 0) records = records.slice(-KEPT);
  if (sequence === AFTER) send("warm", "");
  await new Promise((resolve) => setTimeout(resolve, 1));
}
send("records", packRecords(records));
send("heard", JSON.stringify(heard));

function codeOf(guard: { throwIfForked(): void }): string {
  try {
    guard.throwIfForked();
    return "none";
  } catch (error) {
    return error instanceof ProtectionError ? error.code : String(error);
  }
}
