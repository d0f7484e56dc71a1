/** Forks of a guest of `guest/watch.ts`, which waits for them, and how long it took to know. */

import type { Seen } from "../guest/watch.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { median } from "./median.ts";

/** What each clone is. */
export interface Clones {
  /** How many. */
  readonly clones: number;
  /** A new unique id, where the machine has one. */
  readonly id?: () => string;
  /** What happens to one before its first instruction. */
  readonly prepare?: (clone: Machine) => void;
}

/** Has the guest wait in one way, and forks it: what each clone says. */
export async function watchFork(
  room: Room,
  source: Machine,
  way: string,
  { clones, id, prepare }: Clones,
): Promise<Seen[]> {
  await source.tell(way);
  await source.receive("watching");
  const snapshot = await room.snapshot(source);
  await source.resume();
  await source.tell("stop");
  const seen: Seen[] = [];
  for (let i = 0; i < clones; i++) {
    const clone = await room.prepareClone(snapshot, id?.());
    prepare?.(clone);
    await clone.resume();
    seen.push(JSON.parse(await clone.receiveText("seen")));
    await room.end(clone);
  }
  room.discard(snapshot);
  return seen;
}

/** The least, the middle and the most of milliseconds, to a tenth. */
export function spread(times: readonly number[]): number[] {
  return [Math.min(...times), median(times), Math.max(...times)]
    .map((ms) => Math.round(ms * 10) / 10);
}
