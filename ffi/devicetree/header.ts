import { DeviceTreeError } from "./errors.ts";
import { MAX_BLOB_BYTES } from "./limits.ts";

/** Where the two blocks of a blob lie. */
export interface Blocks {
  /** The structure block. */
  readonly structure: Block;
  /** The strings block. */
  readonly strings: Block;
}

/** Part of a blob, in bytes from its start. */
export interface Block {
  readonly start: number;
  readonly end: number;
}

// Devicetree Specification 0.4, section 5.2: struct fdt_header, ten 32-bit big-endian words.
const HEADER_BYTES = 40;
const MAGIC = 0xd00dfeed;
const TOTALSIZE = 4;
const OFF_DT_STRUCT = 8;
const OFF_DT_STRINGS = 12;
const VERSION = 20;
const LAST_COMP_VERSION = 24;
const SIZE_DT_STRINGS = 32;
const SIZE_DT_STRUCT = 36;

/** The version of the format that the specification describes, and this reader with it. */
const UNDERSTOOD = 17;

/** Reads and checks the header. */
export function readHeader(blob: Uint8Array): Blocks {
  if (blob.length < HEADER_BYTES) {
    throw malformed(
      0,
      `A header has ${HEADER_BYTES} bytes, not ${blob.length}`,
    );
  }
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  if (view.getUint32(0) !== MAGIC) throw malformed(0, "The magic is missing");
  const size = totalSize(view);
  requireVersion(view);
  return {
    structure: block(view, OFF_DT_STRUCT, SIZE_DT_STRUCT, size),
    strings: block(view, OFF_DT_STRINGS, SIZE_DT_STRINGS, size),
  };
}

function totalSize(view: DataView): number {
  const size = view.getUint32(TOTALSIZE);
  if (size > MAX_BLOB_BYTES) {
    throw new DeviceTreeError(
      "devicetree-limit",
      TOTALSIZE,
      `The blob has more than ${MAX_BLOB_BYTES} bytes`,
    );
  }
  if (size < HEADER_BYTES || size > view.byteLength) {
    throw malformed(
      TOTALSIZE,
      `The blob says that it has ${size} bytes, and has ${view.byteLength}`,
    );
  }
  return size;
}

function requireVersion(view: DataView): void {
  const version = view.getUint32(VERSION);
  const compatible = view.getUint32(LAST_COMP_VERSION);
  if (version >= UNDERSTOOD && compatible <= UNDERSTOOD) return;
  throw new DeviceTreeError(
    "devicetree-unsupported",
    VERSION,
    `The format is version ${version}, compatible with ${compatible}, not ${UNDERSTOOD}`,
  );
}

function block(
  view: DataView,
  startField: number,
  sizeField: number,
  size: number,
): Block {
  const start = view.getUint32(startField);
  const end = start + view.getUint32(sizeField);
  if (start < HEADER_BYTES || end > size) {
    throw malformed(startField, "A block lies outside the blob");
  }
  if (startField === OFF_DT_STRUCT && start % 4 !== 0) {
    throw malformed(startField, "The structure block is not 4-byte aligned");
  }
  return { start, end };
}

function malformed(offset: number, reason: string): DeviceTreeError {
  return new DeviceTreeError("devicetree-malformed", offset, reason);
}
