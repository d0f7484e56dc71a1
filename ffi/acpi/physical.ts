import { AcpiError } from "./errors.ts";
import { MAX_PHYSICAL_READS, PHYSICAL_LIMIT } from "./limits.ts";
import type { FieldObject } from "./namespace.ts";

/**
 * Reads physical memory: `width` bytes (1, 2, 4 or 8) at `address`, which is
 * a multiple of `width`, as a little-endian integer.
 */
export type ReadPhysical = (address: bigint, width: number) => bigint;

/** Where an evaluated OperationRegion lies. */
export interface Region {
  readonly base: bigint;
  /** In bytes. */
  readonly length: bigint;
}

/** AccessTypes that demand a width, in bytes (20.2.5.2, FieldFlags). */
const DEMANDED_WIDTH: ReadonlyMap<number, number> = new Map([
  [2, 2],
  [3, 4],
  [4, 8],
]);
const BUFFER_ACCESS = 5;

/** Reads fields of SystemMemory regions, and counts the reads. */
export class PhysicalReader {
  /** The addresses read, in order. */
  readonly addresses: bigint[] = [];
  readonly #read: ReadPhysical;

  constructor(read: ReadPhysical) {
    this.#read = read;
  }

  /** The value of a field. Never reads outside the region. */
  field(field: FieldObject, region: Region): bigint {
    const { bitOffset, bitWidth } = field;
    const width = bitWidth / 8;
    if (bitOffset % 8 !== 0 || ![1, 2, 4, 8].includes(width)) {
      throw refuse(field, "is not 1, 2, 4 or 8 whole bytes");
    }
    const start = bitOffset / 8;
    if (BigInt(start + width) > region.length) {
      throw refuse(field, "lies outside its region");
    }
    const unit = accessWidth(field, region.base + BigInt(start), width);
    const first = start - start % unit;
    let value = 0n;
    for (let at = first; at < start + width; at += unit) {
      value |= this.#unit(field, region, at, unit) << BigInt(8 * (at - first));
    }
    return BigInt.asUintN(bitWidth, value >> BigInt(8 * (start - first)));
  }

  #unit(
    field: FieldObject,
    region: Region,
    offset: number,
    width: number,
  ): bigint {
    const address = region.base + BigInt(offset);
    if (BigInt(offset + width) > region.length) {
      throw refuse(field, `needs ${width}-byte reads beyond its region`);
    }
    if (address % BigInt(width) !== 0n) {
      throw refuse(field, `needs unaligned ${width}-byte reads`);
    }
    if (this.addresses.length >= MAX_PHYSICAL_READS) {
      throw refuse(
        field,
        `needs more than ${MAX_PHYSICAL_READS} physical reads`,
        "acpi-limit",
      );
    }
    this.addresses.push(address);
    return BigInt.asUintN(8 * width, this.#read(address, width));
  }
}

/**
 * Bytes per read. Any and byte access allow the whole field at once if that
 * is aligned (Hyper-V declares byte access and is read so), else single bytes.
 */
function accessWidth(
  field: FieldObject,
  address: bigint,
  width: number,
): number {
  if (field.access >= BUFFER_ACCESS) {
    throw refuse(field, "has an access type other than memory has");
  }
  return DEMANDED_WIDTH.get(field.access) ??
    (address % BigInt(width) === 0n ? width : 1);
}

/** Checks that a region is a place in physical memory. */
export function isMemory({ base, length }: Region): boolean {
  return length > 0n && base + length <= PHYSICAL_LIMIT;
}

function refuse(
  field: FieldObject,
  reason: string,
  code: "acpi-unsupported" | "acpi-limit" = "acpi-unsupported",
): AcpiError {
  const { table, offset } = field.span;
  return new AcpiError(
    code,
    { table: table.label, offset },
    `The field ${field.path} ${reason}`,
  );
}
