/**
 * Where a program stands, at a place in its memory that the host can find.
 *
 * The host looks for the mark in the memory of the stopped machine, and so knows
 * exactly which draw had been begun when the snapshot was taken. This works in
 * every runtime, and where the unique id does not change.
 */

/** The length of the mark; the number of the draw follows it, and then the same with all bits turned round. */
export const MARK_LENGTH = 16;

/** Sixteen bytes by a rule, so that they stand nowhere else in the guest. */
export function writeMark(into: Uint8Array): void {
  for (let i = 0; i < MARK_LENGTH; i++) {
    into[i] = (i * i * 37 + i * 101 + 139) & 0xff;
  }
}

/** A counter behind a mark. */
export interface Position {
  /** Sets the number of the draw that was begun last. */
  set(sequence: number): void;
}

/** Makes a counter; one in a process. */
export function makePosition(): Position {
  // Shared memory is not moved by the collector. Two copies, half a page apart:
  // one of them crosses no border of a page.
  const words = [0, 2048].map((offset) => {
    const copy = new Uint32Array(shared, offset, 8);
    writeMark(new Uint8Array(shared, offset, MARK_LENGTH));
    return copy;
  });
  const [first, second] = words as [Uint32Array, Uint32Array];
  return {
    set: (sequence) => {
      for (const copy of [first, second]) {
        copy[4] = sequence;
        copy[5] = ~sequence;
      }
    },
  };
}

const shared = new SharedArrayBuffer(4096);
