/** Looks for every piece of known secrets in a memory image. */

/** The length of a piece: shorter ones would be found by chance. */
export const PIECE = 16;

/** How a piece lies in memory. */
export const ENCODINGS = [
  /** Byte after byte. */
  "contiguous",
  /** One 32-bit word in the upper half of each 8 bytes, as V8 keeps small integers. */
  "upper halves",
  /** One in the lower half, as compiled code keeps 32-bit integers on the stack. */
  "lower halves",
] as const;

/** One of {@linkcode ENCODINGS}. */
export type Encoding = typeof ENCODINGS[number];

/** A piece that was found. */
export interface FoundPiece {
  /** Which secret, by its place in the list. */
  readonly secret: number;
  /** Where the piece begins in the secret. */
  readonly at: number;
  readonly encoding: Encoding;
  /** Where it is: the number of the page in the image, and the byte in the page. */
  readonly page: number;
  readonly offset: number;
}

interface Needle {
  readonly secret: number;
  readonly at: number;
  readonly bytes: Uint8Array;
}

const FILTER_BITS = 24;

/**
 * Finds every piece of 16 bytes that begins at any byte of a secret, at any byte of a page; as words, those
 * that begin at any word. What lies across two pages is found by its other pieces.
 *
 * @param pages the image
 * @param secrets of at least 16 bytes each
 */
export function findPieces(
  pages: Iterable<Uint8Array<ArrayBuffer>>,
  secrets: readonly Uint8Array[],
): FoundPiece[] {
  const needles = needlesOf(secrets);
  const filter = new Uint8Array(2 ** FILTER_BITS / 8);
  for (const start of needles.keys()) {
    const hash = hashOf(start);
    filter[hash >> 3]! |= 1 << (hash & 7);
  }
  const found: FoundPiece[] = [];
  let number = 0;
  for (const bytes of pages) {
    const page = number++;
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      start = start >>> 8 | bytes[i]! << 24;
      const hash = hashOf(start);
      if ((filter[hash >> 3]! & (1 << (hash & 7))) === 0) continue;
      const offset = i - 3;
      if (offset < 0) continue;
      for (const needle of needles.get(start) ?? []) {
        const encoding = encodingAt(bytes, offset, needle);
        if (encoding === undefined) continue;
        const { secret, at } = needle;
        found.push({ secret, at, encoding, page, offset });
      }
    }
  }
  return found;
}

function encodingAt(
  bytes: Uint8Array,
  offset: number,
  { at, bytes: piece }: Needle,
): Encoding | undefined {
  if (matches(bytes, offset, piece, 4)) return "contiguous";
  if (at % 4 !== 0 || offset % 4 !== 0) return undefined;
  if (!matches(bytes, offset, piece, 8)) return undefined;
  return offset % 8 === 4 ? "upper halves" : "lower halves";
}

/** Whether the words of a piece stand at a stride. */
function matches(
  bytes: Uint8Array,
  offset: number,
  piece: Uint8Array,
  stride: number,
): boolean {
  for (let i = 0; i < PIECE; i++) {
    if (bytes[offset + (i >> 2) * stride + (i & 3)] !== piece[i]) return false;
  }
  return true;
}

/** All pieces, by their first four bytes. */
function needlesOf(secrets: readonly Uint8Array[]): Map<number, Needle[]> {
  const needles = new Map<number, Needle[]>();
  secrets.forEach((bytes, secret) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + PIECE <= bytes.length; at++) {
      const start = view.getInt32(at, true);
      const same = needles.get(start) ?? [];
      same.push({ secret, at, bytes: bytes.subarray(at, at + PIECE) });
      needles.set(start, same);
    }
  });
  return needles;
}

function hashOf(start: number): number {
  return (start ^ start >>> 8) & (2 ** FILTER_BITS - 1);
}
