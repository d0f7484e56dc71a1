/** The last draws of a thread, 32 bytes each, with nothing to pack when they are asked for. */

import type { DrawRecord } from "./records.ts";

const WORDS = 8;
const VALUE_AT = 4;
const VALUE_WORDS = 4;

/** A ring of records of 16 bytes. */
export class Ring {
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #size: number;

  /** Makes room for so many records. */
  constructor(size: number) {
    this.#size = size;
    this.#words = new Uint32Array(WORDS * size);
  }

  /** Keeps a draw in place of the oldest one. Its value: four words. */
  add(
    sequence: number,
    before: number,
    after: number,
    value: Uint32Array,
  ): void {
    const words = this.#words;
    const at = (sequence % this.#size) * WORDS;
    words[at] = sequence;
    words[at + 1] = before;
    words[at + 2] = after;
    for (let i = 0; i < VALUE_WORDS; i++) words[at + VALUE_AT + i] = value[i]!;
  }

  /** A copy of those in a range of sequences, without its end. */
  bytes(from: number, to: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint32Array((to - from) * WORDS);
    for (let sequence = from; sequence < to; sequence++) {
      const at = (sequence % this.#size) * WORDS;
      if (this.#words[at] !== sequence) continue;
      const record = this.#words.subarray(at, at + WORDS);
      copy.set(record, (sequence - from) * WORDS);
    }
    return new Uint8Array(copy.buffer);
  }
}

/** The records in bytes of a ring, in the order of the draws. */
export function unpackRing(bytes: Uint8Array<ArrayBuffer>): DrawRecord[] {
  const words = new Uint32Array(bytes.slice().buffer);
  const records: DrawRecord[] = [];
  for (let at = 0; at < words.length; at += WORDS) {
    const [sequence = 0, before = 0, after = 0] = words.subarray(at, at + 3);
    if (sequence === 0) continue;
    const from = (at + VALUE_AT) * 4;
    const value = bytes.subarray(from, from + 4 * VALUE_WORDS);
    records.push({ sequence, before, after, ms: 0, value });
  }
  return records;
}
