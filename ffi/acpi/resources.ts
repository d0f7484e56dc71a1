/** A range of physical memory that a `_CRS` describes. */
export interface MemoryRange {
  readonly address: bigint;
  /** In bytes. */
  readonly length: bigint;
}

/** Says what is wrong with a resource template, at a byte of the buffer. */
export class ResourceError extends Error {
  override readonly name: string = "ResourceError";
}

// ACPI 6.5 section 6.4.2.9: End Tag, a small item of type 0x0F and length 1
const END_TAG = 0x79;

/** Section 6.4.3: bit 7 of the first byte marks a large item. */
const LARGE = 0x80;

/** ResourceType 0 of the address space descriptors (6.4.3.5). */
const MEMORY_RANGE = 0;

type Decode = (data: DataView) => MemoryRange | undefined;

/** Large items that can describe memory, by their first byte. */
const DECODERS: ReadonlyMap<number, Decode> = new Map([
  [0x85, memory32], // 6.4.3.3
  [0x86, memory32Fixed], // 6.4.3.4
  [0x87, (data) => addressSpace(data, 3, 4)], // 6.4.3.5.2, DWord
  [0x8a, (data) => addressSpace(data, 3, 8)], // 6.4.3.5.1, QWord
  [0x8b, (data) => addressSpace(data, 5, 8)], // 6.4.3.5.4, Extended
]);

/** The memory ranges of a resource template (ACPI 6.5 section 6.4). */
export function memoryRanges(template: Uint8Array): MemoryRange[] {
  const ranges: MemoryRange[] = [];
  for (let at = 0; at < template.length;) {
    const tag = template[at]!;
    if (tag === END_TAG) return ranges;
    const isLarge = (tag & LARGE) !== 0;
    const start = at + (isLarge ? 3 : 1);
    const length = isLarge
      ? (template[at + 1] ?? 0) | (template[at + 2] ?? 0) << 8
      : tag & 7;
    if (start + length > template.length) {
      throw new ResourceError(`The descriptor at byte ${at} runs past the end`);
    }
    const data = new DataView(
      template.buffer,
      template.byteOffset + start,
      length,
    );
    const range = DECODERS.get(tag)?.(data);
    if (range !== undefined) ranges.push(range);
    at = start + length;
  }
  throw new ResourceError("The resource template has no End Tag");
}

/** Information, minimum, maximum, alignment, length. */
function memory32(data: DataView): MemoryRange {
  need(data, 17);
  const address = data.getUint32(1, true);
  if (address !== data.getUint32(5, true)) {
    throw new ResourceError("The memory descriptor has no fixed address");
  }
  return {
    address: BigInt(address),
    length: BigInt(data.getUint32(13, true)),
  };
}

/** Information, base, length. */
function memory32Fixed(data: DataView): MemoryRange {
  need(data, 9);
  return {
    address: BigInt(data.getUint32(1, true)),
    length: BigInt(data.getUint32(5, true)),
  };
}

/** Type and flags, then granularity, minimum, maximum, translation, length. */
function addressSpace(
  data: DataView,
  fixedBytes: number,
  width: 4 | 8,
): MemoryRange | undefined {
  need(data, fixedBytes + 5 * width);
  if (data.getUint8(0) !== MEMORY_RANGE) return undefined;
  const value = (index: number) => {
    const at = fixedBytes + index * width;
    return width === 4
      ? BigInt(data.getUint32(at, true))
      : data.getBigUint64(at, true);
  };
  const [minimum, maximum, translation, length] = [1, 2, 3, 4].map(value) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  if (translation !== 0n) {
    throw new ResourceError("The memory descriptor translates its address");
  }
  if (maximum - minimum + 1n !== length) {
    throw new ResourceError("The memory descriptor has no fixed address");
  }
  return { address: minimum, length };
}

function need(data: DataView, bytes: number): void {
  if (data.byteLength < bytes) {
    throw new ResourceError("The memory descriptor is too short");
  }
}
