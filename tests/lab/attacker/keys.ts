/** Finds a generator's key in a memory image, knowing nothing but what the machine said in public. */

import { nextBlock } from "./generator.ts";

/** Keys lie at addresses that malloc() gives. */
const ALIGNMENT = 8;
const KEY_SIZE = 32;
/** Of 32 random bytes, fewer different ones than this come with a probability below 2^-26. */
const DIFFERENT = 22;

/** A key, and which of the public draws its next refill begins with. */
export interface FoundKey {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly draw: string;
}

/** What a search has come to. */
export interface Search {
  readonly pages: number;
  /** Windows that looked random enough to be tried as a key. */
  readonly tried: number;
  readonly found: readonly FoundKey[];
}

/** Tries every window of the image that looks random: is it a key that gives one of these draws? */
export function findKeys(
  pages: Iterable<Uint8Array<ArrayBuffer>>,
  draws: ReadonlySet<string>,
): Search {
  const beginnings = new Set<number>();
  for (const draw of draws) beginnings.add(parseInt(draw.slice(0, 8), 16));
  const found = new Map<string, FoundKey>();
  const page = new Uint8Array(4096);
  const words = new Int32Array(page.buffer);
  const block = new Uint8Array(64);
  const blockView = new DataView(block.buffer);
  const looksRandom = randomnessTest(page);
  let count = 0;
  let tried = 0;
  for (const bytes of pages) {
    page.set(bytes);
    count++;
    for (let at = 0; at <= page.length - KEY_SIZE; at += ALIGNMENT) {
      if (!looksRandom(at)) continue;
      tried++;
      nextBlock(words.subarray(at / 4, (at + KEY_SIZE) / 4), block);
      if (!beginnings.has(blockView.getUint32(KEY_SIZE))) continue;
      const draw = block.subarray(KEY_SIZE, KEY_SIZE + 16).toHex();
      if (!draws.has(draw)) continue;
      const key = page.slice(at, at + KEY_SIZE);
      found.set(key.toHex(), { key, draw });
    }
  }
  return { pages: count, tried, found: [...found.values()] };
}

function randomnessTest(page: Uint8Array): (at: number) => boolean {
  const lastSeen = new Uint32Array(256);
  let window = 0;
  return (at) => {
    window++;
    let different = 0;
    for (let i = at; i < at + KEY_SIZE; i++) {
      const byte = page[i]!;
      if (lastSeen[byte] !== window) different++;
      lastSeen[byte] = window;
    }
    return different >= DIFFERENT;
  };
}
