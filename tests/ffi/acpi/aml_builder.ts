/**
 * Builds AML bytes from calls that read like ASL. Every function returns the
 * encoding of one term; the section numbers are of ACPI 6.5.
 */

/** Encoded AML. */
export type Aml = Uint8Array<ArrayBuffer>;

/** Joins encodings. */
export function join(...parts: readonly Uint8Array[]): Aml {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Bytes as they are. */
export function raw(...bytes: readonly number[]): Aml {
  return Uint8Array.from(bytes);
}

/** Bytes from a listing such as `"08 56 47"`. */
export function hex(listing: string): Aml {
  const digits = listing.match(/[0-9a-f]{2}/gi) ?? [];
  return Uint8Array.from(digits, (pair) => parseInt(pair, 16));
}

/** ASCII characters without a terminator. */
export function ascii(text: string): Aml {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function little(value: number | bigint, width: number): Aml {
  return Uint8Array.from(
    { length: width },
    (_, i) => Number(BigInt(value) >> BigInt(8 * i) & 0xffn),
  );
}

/** 20.2.2: `\_SB.VGEN`, `^^FOO`, `VGIA`, or `""` for NullName. */
export function path(text: string): Aml {
  const [, prefix, rest] = /^(\\|\^*)(.*)$/.exec(text)!;
  const segments = rest === ""
    ? []
    : rest!.split(".").map((s) => ascii(s.padEnd(4, "_")));
  const lead = segments.length === 0
    ? raw(0x00)
    : segments.length === 1
    ? raw()
    : segments.length === 2
    ? raw(0x2e)
    : raw(0x2f, segments.length);
  return join(ascii(prefix!), lead, ...segments);
}

/** 20.2.4: the length of the body and of the PkgLength itself, minimal. */
export function pkg(...body: readonly Uint8Array[]): Aml {
  const content = join(...body);
  return join(pkgLength(content.length), content);
}

function pkgLength(bytes: number): Aml {
  if (bytes + 1 < 0x40) return raw(bytes + 1);
  const more = bytes + 2 < 1 << 12 ? 1 : bytes + 3 < 1 << 20 ? 2 : 3;
  return packed(bytes + 1 + more, more);
}

/** A number in the encoding of PkgLength with so many further bytes. */
export function packed(value: number, more: number): Aml {
  if (more === 0) return raw(value);
  return join(raw(more << 6 | value & 0x0f), little(value >> 4, more));
}

function width(bits: number): Aml {
  return bits < 0x40 ? raw(bits) : packed(bits, bits < 1 << 12 ? 1 : 2);
}

// 20.2.3 Data objects
export const zero: Aml = raw(0x00);
export const one: Aml = raw(0x01);
export const ones: Aml = raw(0xff);
export const byte = (value: number): Aml => raw(0x0a, value);
export const word = (value: number): Aml => join(raw(0x0b), little(value, 2));
export const dword = (value: number): Aml => join(raw(0x0c), little(value, 4));
export const qword = (value: bigint): Aml => join(raw(0x0e), little(value, 8));
export const string = (text: string): Aml =>
  join(raw(0x0d), ascii(text), raw(0));

/** Zero, One or the shortest prefix, as iasl encodes a literal. */
export function int(value: number): Aml {
  if (value < 2) return raw(value);
  if (value < 0x100) return byte(value);
  return value < 0x10000 ? word(value) : dword(value);
}

/** 6.1.5: a compressed EISA ID as a dword. */
export function eisaId(id: string): Aml {
  const letters = [...id.slice(0, 3)].reduce(
    (value, letter) => value << 5 | letter.charCodeAt(0) - 0x40,
    0,
  );
  const digits = parseInt(id.slice(3), 16);
  return raw(0x0c, letters >> 8, letters & 0xff, digits >> 8, digits & 0xff);
}

/** DefPackage of NumElements, with the elements given. */
export function packageOf(count: number, ...elements: readonly Aml[]): Aml {
  return join(raw(0x12), pkg(raw(count), ...elements));
}

/** DefBuffer. */
export function buffer(bytes: Uint8Array, size = int(bytes.length)): Aml {
  return join(raw(0x11), pkg(size, bytes));
}

// 20.2.5.1, 20.2.5.2 Declarations
const container =
  (...opcode: number[]) => (name: string, ...terms: readonly Aml[]): Aml =>
    join(raw(...opcode), pkg(path(name), ...terms));

export const scope = container(0x10);
export const device = container(0x5b, 0x82);
export const thermalZone = container(0x5b, 0x85);

export const processor = (name: string, ...terms: readonly Aml[]): Aml =>
  join(raw(0x5b, 0x83), pkg(path(name), hex("01 10 10 00 00 06"), ...terms));
export const powerResource = (name: string, ...terms: readonly Aml[]): Aml =>
  join(raw(0x5b, 0x84), pkg(path(name), hex("00 00 00"), ...terms));
export const name = (object: string, value: Aml): Aml =>
  join(raw(0x08), path(object), value);
export const alias = (source: string, object: string): Aml =>
  join(raw(0x06), path(source), path(object));
export const external = (object: string, type: number, argc: number): Aml =>
  join(raw(0x15), path(object), raw(type, argc));

/** DefMethod; `flags` holds the argument count, plus 8 if serialized. */
export function method(
  object: string,
  flags: number,
  ...terms: readonly Aml[]
): Aml {
  return join(raw(0x14), pkg(path(object), raw(flags), ...terms));
}

export const SYSTEM_MEMORY = 0;
export const SYSTEM_IO = 1;

/** DefOpRegion. */
export function region(
  object: string,
  space: number,
  offset: Aml,
  length: Aml,
): Aml {
  return join(raw(0x5b, 0x80), path(object), raw(space), offset, length);
}

export const ANY_ACCESS = 0;
export const BYTE_ACCESS = 1;
export const WORD_ACCESS = 2;
export const DWORD_ACCESS = 3;
export const QWORD_ACCESS = 4;
export const BUFFER_ACCESS = 5;

/** DefField. */
export function field(
  regionName: string,
  access: number,
  ...elements: readonly Aml[]
): Aml {
  return join(raw(0x5b, 0x81), pkg(path(regionName), raw(access), ...elements));
}

export const bits = (object: string, count: number): Aml =>
  join(path(object), width(count));
export const reserved = (count: number): Aml => join(raw(0x00), width(count));
export const accessAs = (access: number): Aml => raw(0x01, access, 0);

// 20.2.5.3, 20.2.5.4, 20.2.6 Statements and expressions
export const local = (index: number): Aml => raw(0x60 + index);
export const arg = (index: number): Aml => raw(0x68 + index);
export const nothing: Aml = raw(0x00);

const operator = (...opcode: number[]) => (...operands: readonly Aml[]): Aml =>
  join(raw(...opcode), ...operands);

export const store = operator(0x70);
export const add = operator(0x72);
export const subtract = operator(0x74);
export const multiply = operator(0x77);
export const shiftLeft = operator(0x79);
export const shiftRight = operator(0x7a);
export const and = operator(0x7b);
export const or = operator(0x7d);
export const xor = operator(0x7f);
export const notify = operator(0x86);
export const land = operator(0x90);
export const lor = operator(0x91);
export const lnot = operator(0x92);
export const lequal = operator(0x93);
export const lgreater = operator(0x94);
export const lless = operator(0x95);
export const noop: Aml = raw(0xa3);
export const returns = operator(0xa4);

/** DefIndex without a target for the reference. */
export const index = (object: Aml, at: Aml): Aml =>
  join(raw(0x88), object, at, nothing);

const block = (opcode: number) => (...terms: readonly Aml[]): Aml =>
  join(raw(opcode), pkg(...terms));

/** DefIf: predicate, then the block. */
export const when = block(0xa0);
export const otherwise = block(0xa1);
export const loop = block(0xa2);

/** What a table header says, apart from lengths. */
export interface Header {
  readonly signature?: string;
  readonly revision?: number;
  readonly oemId?: string;
  readonly oemTableId?: string;
  readonly oemRevision?: number;
  readonly creator?: string;
  readonly creatorRevision?: number;
}

/** A definition block (5.2.11) with a right length and checksum. */
export function table(header: Header, ...terms: readonly Uint8Array[]): Aml {
  const aml = join(...terms);
  const bytes = join(
    ascii(header.signature ?? "DSDT"),
    little(36 + aml.length, 4),
    raw(header.revision ?? 2, 0),
    ascii((header.oemId ?? "VMFORK").padEnd(6, "\0")),
    ascii((header.oemTableId ?? "TEST").padEnd(8, "\0")),
    little(header.oemRevision ?? 1, 4),
    ascii(header.creator ?? "VMFK"),
    little(header.creatorRevision ?? 1, 4),
    aml,
  );
  bytes[9] = -bytes.reduce((sum, value) => sum + value, 0) & 0xff;
  return bytes;
}
