/** Forks of guests of `guest/watch.ts`, which wait for them, and how long it took to know. */

import type { Seen } from "../guest/watch.ts";
import type { Machine } from "../room/machine.ts";
import type { Room, Snapshot } from "../room/room.ts";
import { median } from "./median.ts";

/** What each clone is. */
export interface Clones {
  /** How many of each machine. */
  readonly clones: number;
  /** A new unique id, where the machine has one. */
  readonly id?: () => string;
  /** What happens to one before its first instruction. */
  readonly prepare?: (clone: Machine) => Promise<void>;
}

/**
 * Has guests wait in one way, and forks them: what each clone says, machine by machine. They are forked in turn,
 * so that a host which is busy for a while is so for all of them.
 */
export async function watchForks(
  room: Room,
  sources: readonly Machine[],
  way: string,
  { clones, id, prepare }: Clones,
): Promise<Seen[][]> {
  const snapshots: Snapshot[] = [];
  for (const source of sources) snapshots.push(await wait(room, source, way));
  const seen: Seen[][] = sources.map(() => []);
  for (let i = 0; i < clones; i++) {
    for (const [of, snapshot] of snapshots.entries()) {
      const clone = await room.prepareClone(snapshot, id?.());
      await prepare?.(clone);
      await clone.resume();
      seen[of]!.push(JSON.parse(await clone.receiveText("seen")));
      await room.end(clone);
    }
  }
  for (const snapshot of snapshots) room.discard(snapshot);
  for (const source of sources) {
    await source.resume();
    await source.tell("stop");
  }
  return seen;
}

/** A snapshot of a machine that waits. It is left standing still. */
async function wait(
  room: Room,
  source: Machine,
  way: string,
): Promise<Snapshot> {
  await source.tell(way);
  await source.receive("watching");
  return await room.snapshot(source);
}

/** Clones of clones, of which each begins to wait anew: what each says. The machine is left standing still. */
export async function watchInARow(
  room: Room,
  source: Machine,
  way: string,
  { clones, id, prepare }: Clones,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  let parent = source;
  for (let i = 0; i < clones; i++) {
    const snapshot = await wait(room, parent, way);
    if (parent !== source) await room.end(parent);
    parent = await room.prepareClone(snapshot, id?.());
    room.discard(snapshot);
    await prepare?.(parent);
    await parent.resume();
    seen.push(JSON.parse(await parent.receiveText("seen")));
  }
  await room.end(parent);
  return seen;
}

/** The least, the middle and the most of milliseconds, to a tenth. */
export function spread(times: readonly number[]): number[] {
  return [Math.min(...times), median(times), Math.max(...times)]
    .map((ms) => Math.round(ms * 10) / 10);
}
