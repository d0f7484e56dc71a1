import { AcpiError, type AcpiErrorCode } from "./errors.ts";
import {
  DUAL_NAME_PREFIX,
  EXT_OP_PREFIX,
  MULTI_NAME_PREFIX,
  NULL_NAME,
  PARENT_PREFIX_CHAR,
  ROOT_CHAR,
} from "./opcodes.ts";
import type { NameString } from "./path.ts";
import type { AcpiTable } from "./table.ts";

/** Pads a NameSeg to four characters, and can start one. */
const UNDERSCORE = 0x5f;

/** A range of bytes in a table. */
export interface Span {
  readonly table: AcpiTable;
  /** Offset of the first byte. */
  readonly offset: number;
  /** Offset after the last byte. */
  readonly end: number;
}

/**
 * A cursor over a range of AML. No read leaves the range: the end is always
 * the end of the innermost enclosing PkgLength.
 */
export class AmlReader implements Span {
  readonly table: AcpiTable;
  readonly end: number;
  #offset: number;

  constructor(span: Span) {
    this.table = span.table;
    this.end = span.end;
    this.#offset = span.offset;
  }

  /** Offset of the next byte, from the start of the table. */
  get offset(): number {
    return this.#offset;
  }

  /** Whether nothing is left. */
  get done(): boolean {
    return this.#offset >= this.end;
  }

  /** What is left, as a range that does not move. */
  rest(): Span {
    return { table: this.table, offset: this.#offset, end: this.end };
  }

  /** The next byte, without reading it; `undefined` at the end. */
  peek(): number | undefined {
    return this.done ? undefined : this.table.bytes[this.#offset];
  }

  /** The next byte. */
  byte(): number {
    const value = this.peek();
    if (value === undefined) throw this.error("The bytes end within a term");
    this.#offset++;
    return value;
  }

  /** Passes over bytes. */
  skip(count: number): void {
    if (count > this.end - this.#offset) {
      throw this.error("The bytes end within a term");
    }
    this.#offset += count;
  }

  /** The next bytes. */
  bytes(count: number): Uint8Array {
    const start = this.#offset;
    this.skip(count);
    return this.table.bytes.subarray(start, this.#offset);
  }

  /** A little-endian integer of so many bytes (20.2.3). */
  integer(width: number): bigint {
    return this.bytes(width).reduceRight(
      (value, byte) => value << 8n | BigInt(byte),
      0n,
    );
  }

  /** The next opcode, without reading it; `undefined` at the end. */
  peekOpcode(): number | undefined {
    const first = this.peek();
    if (first !== EXT_OP_PREFIX || this.#offset + 1 >= this.end) return first;
    return first << 8 | this.table.bytes[this.#offset + 1]!;
  }

  /** The next opcode; two-byte ones as `0x5Bxx`. */
  opcode(): number {
    const first = this.byte();
    return first === EXT_OP_PREFIX ? first << 8 | this.byte() : first;
  }

  /** Reads a PkgLength and returns the offset after the package (20.2.4). */
  packageEnd(): number {
    const start = this.#offset;
    const end = start + this.packedLength();
    if (end < this.#offset) {
      throw this.error("The PkgLength is shorter than itself", start);
    }
    if (end > this.end) {
      throw this.error("The PkgLength runs past the enclosing end", start);
    }
    return end;
  }

  /** Reads a PkgLength, passes over the package, returns a reader of it. */
  body(): AmlReader {
    const end = this.packageEnd();
    const body = new AmlReader({ ...this.rest(), end });
    this.#offset = end;
    return body;
  }

  /** A number in the encoding of PkgLength, as field lists use it (20.2.4). */
  packedLength(): number {
    const lead = this.byte();
    const more = lead >> 6;
    if (more === 0) return lead & 0x3f;
    if ((lead & 0x30) !== 0) {
      throw this.error("The PkgLength sets reserved bits", this.#offset - 1);
    }
    let length = lead & 0x0f;
    for (let i = 0; i < more; i++) length |= this.byte() << (4 + 8 * i);
    return length;
  }

  /** The rest of a string after its prefix, without the NUL (20.2.3). */
  string(): string {
    const start = this.#offset;
    const length = this.table.bytes.subarray(start, this.end).indexOf(0);
    if (length < 0) throw this.error("The string has no NUL", start);
    this.skip(length + 1);
    let text = "";
    for (const byte of this.table.bytes.subarray(start, start + length)) {
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** A NameString (20.2.2). */
  name(): NameString {
    let parents = 0;
    const root = this.peek() === ROOT_CHAR;
    if (root) this.skip(1);
    else {
      for (; this.peek() === PARENT_PREFIX_CHAR; this.skip(1)) parents++;
    }
    const count = this.#segmentCount();
    const segments: string[] = [];
    for (let i = 0; i < count; i++) segments.push(this.#segment());
    return { root, parents, segments };
  }

  /** How many NameSegs follow, by the prefix before them. */
  #segmentCount(): number {
    switch (this.peek()) {
      case NULL_NAME:
        this.skip(1);
        return 0;
      case DUAL_NAME_PREFIX:
        this.skip(1);
        return 2;
      case MULTI_NAME_PREFIX: {
        this.skip(1);
        const count = this.byte();
        if (count > 0) return count;
        throw this.error("The MultiNamePath has no segment", this.#offset - 1);
      }
      default:
        return 1;
    }
  }

  #segment(): string {
    const start = this.#offset;
    const bytes = this.bytes(4);
    const segment = String.fromCharCode(
      bytes[0]!,
      bytes[1]!,
      bytes[2]!,
      bytes[3]!,
    );
    if (!/^[A-Z_][A-Z0-9_]{3}$/.test(segment)) {
      throw this.error("The name has an illegal character", start);
    }
    return bytes[3] === UNDERSCORE
      ? segment.replace(/_+$/, "") || "_"
      : segment;
  }

  /** An error at the current offset, or at another one. */
  error(
    reason: string,
    offset: number = this.#offset,
    code: AcpiErrorCode = "acpi-malformed",
  ): AcpiError {
    return new AcpiError(code, { table: this.table.label, offset }, reason);
  }
}

/** Whether a byte starts a NameString where a term may stand (20.2.2). */
export function isNameLead(byte: number | undefined): boolean {
  return byte !== undefined && (
    byte === ROOT_CHAR || byte === PARENT_PREFIX_CHAR ||
    byte === DUAL_NAME_PREFIX || byte === MULTI_NAME_PREFIX ||
    byte === UNDERSCORE || (byte >= 0x41 && byte <= 0x5a)
  );
}
