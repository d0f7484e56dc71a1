/** What scenarios have in common: forks of a guest that draws, and their records. */

import type { SourceRepeats } from "../figures.ts";
import { MEMORY_START } from "../room/arm64.ts";
import { remove } from "../room/cleanup.ts";
import { memoryOf } from "../room/hardware.ts";
import { countShared, equalPrefix, lastShared } from "../room/compare.ts";
import { MachineError } from "../room/errors.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { MARK_LENGTH, writeMark } from "../guest/position.ts";
import { type DrawRecord, unpackRecords } from "../guest/records.ts";
import { Buffer } from "node:buffer";

/** The number of the draw that a stopped guest had begun last, read out of its memory. */
export async function positionOf(machine: Machine): Promise<number> {
  const file = `${machine.files.state}.memory`;
  const size = memoryOf(machine.hardware) * 2 ** 20;
  try {
    const val = machine.hardware.architecture === "arm64" ? MEMORY_START : 0;
    await machine.execute("pmemsave", { val, size, filename: file });
    return findPosition(Buffer.from(Deno.readFileSync(file).buffer));
  } finally {
    remove(file);
  }
}

function findPosition(memory: Buffer): number {
  const mark = new Uint8Array(MARK_LENGTH);
  writeMark(mark);
  let found = 0;
  let at = -1;
  while ((at = memory.indexOf(mark, at + 1)) !== -1) {
    const end = at + MARK_LENGTH;
    if (end + 8 > memory.length) break;
    const number = memory.readUInt32LE(end);
    // What programs have left behind of the mark alone is followed by anything.
    if (memory.readInt32LE(end + 4) !== ~number) continue;
    found = Math.max(found, number);
  }
  if (found > 0) return found;
  throw new MachineError("The guest's position is not in its memory");
}

/** How the guest is forked. */
export interface ForkOptions {
  /** The unique id of each clone, undefined for a machine that has none. */
  readonly guids: readonly (string | undefined)[];
  /** Draws that each clone reports after the fork. */
  readonly draws: number;
  /** What happens to a clone before its first instruction. @default {nothing} */
  readonly prepare?: (clone: Machine) => Promise<void>;
  /** How long a clone may take, in milliseconds. @default {120_000} */
  readonly timeoutMs?: number;
}

/** What came of a fork. */
export interface Fork {
  /** The draw that was going on at the snapshot. */
  readonly position: number;
  /** Each clone's records, with those from shortly before the snapshot. */
  readonly clones: readonly (readonly DrawRecord[])[];
  /** How often each clone's kernel said that it had seen the fork. */
  readonly reseeds: readonly number[];
}

/** Forks a guest of `guest/draw_loop.ts` while it draws from a source. */
export async function forkWhileDrawing(
  room: Room,
  machine: Machine,
  source: string,
  { guids, draws, prepare, timeoutMs = 120_000 }: ForkOptions,
): Promise<Fork> {
  await machine.tell(`draw ${source} ${draws}`);
  await machine.receive("warm", timeoutMs);
  const snapshot = await room.snapshot(machine);
  const position = await positionOf(machine);
  const clones: DrawRecord[][] = [];
  const reseeds: number[] = [];
  for (const guid of guids) {
    const clone = await room.prepareClone(snapshot, guid);
    await prepare?.(clone);
    // Before it runs: nothing may be lost of what it draws at first.
    await clone.tell("report");
    await clone.resume();
    clones.push(unpackRecords(await clone.receive("records", timeoutMs)));
    reseeds.push(clone.reseeds());
    await room.end(clone);
  }
  room.discard(snapshot);
  await machine.tell("next");
  await machine.resume();
  await machine.receive("records");
  return { position, clones, reseeds };
}

/** What two streams have in common. */
export type Comparison = Pick<
  SourceRepeats,
  "draws" | "equal" | "prefix" | "bytes" | "partedAfterMs"
>;

/** Compares what two clones drew after their fork. */
export function compare(
  a: readonly DrawRecord[],
  b: readonly DrawRecord[],
  position: number,
  most: number,
): Comparison {
  const after = [a, b].map((records) => {
    const first = records.findIndex(({ sequence }) => sequence > position);
    if (records[first]?.sequence === position + 1) return records.slice(first);
    throw new MachineError(
      `The draws right after the fork are lost: it fell into draw ${position}, and there are ${
        records[0]?.sequence
      } to ${records.at(-1)?.sequence}`,
    );
  });
  const draws = Math.min(most, ...after.map(({ length }) => length));
  const lists = after.map((list) => list.slice(0, draws));
  const [first = [], second = []] = lists.map((list) =>
    list.map(({ value }) => keyOf(value))
  );
  const equal = countShared(first, second);
  // One stream may be some draws ahead of the other: what is equal need not stand in the same place.
  const parted = lastShared(first, second) + 1;
  const width = lists[0]?.[0]?.value.length ?? 0;
  return {
    draws,
    equal,
    prefix: equalPrefix(first, second),
    bytes: equal * width,
    partedAfterMs: parted === draws
      ? null
      : parted === 0
      ? 0
      : Math.max(...lists.map((list) => list[parted]!.ms - list[0]!.ms)),
  };
}

/** A value as a key of sets. */
export function keyOf(value: Uint8Array): string {
  return String.fromCharCode(...value);
}
