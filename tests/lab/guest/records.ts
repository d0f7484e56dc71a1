/**
 * Records of draws, kept in memory and written out only after the run: bytes
 * that sat in a console's buffer at the snapshot would look like repeats.
 *
 * The format is shared by guests, which write it, and the host, which reads it.
 */

/** One draw. */
export interface DrawRecord {
  /** Its number in its thread; a clone goes on counting where it was. */
  readonly sequence: number;
  /** The count before the draw. */
  readonly before: number;
  /** The count after it. */
  readonly after: number;
  /** The guest's clock when it was done, in milliseconds. */
  readonly ms: number;
  /** What was drawn, at least 16 bytes. */
  readonly value: Uint8Array;
}

const HEAD = 24;

/** Records of values of one size as bytes. */
export function packRecords(
  records: readonly DrawRecord[],
): Uint8Array<ArrayBuffer> {
  const width = records[0]?.value.length ?? 0;
  const bytes = new Uint8Array(4 + records.length * (HEAD + width));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width);
  records.forEach(({ sequence, before, after, ms, value }, i) => {
    const at = 4 + i * (HEAD + width);
    view.setFloat64(at, ms);
    view.setUint32(at + 8, sequence);
    view.setUint32(at + 12, before);
    view.setUint32(at + 16, after);
    bytes.set(value, at + HEAD);
  });
  return bytes;
}

/** The records in bytes from {@linkcode packRecords}. */
export function unpackRecords(bytes: Uint8Array<ArrayBuffer>): DrawRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const width = view.getUint32(0);
  const records: DrawRecord[] = [];
  for (let at = 4; at < bytes.length; at += HEAD + width) {
    records.push({
      ms: view.getFloat64(at),
      sequence: view.getUint32(at + 8),
      before: view.getUint32(at + 12),
      after: view.getUint32(at + 16),
      value: bytes.subarray(at + HEAD, at + HEAD + width),
    });
  }
  return records;
}
