// AML encodings, by the names and sections of the ACPI specification 6.5.
// A two-byte opcode is written as one number: 0x5B82 is ExtOpPrefix 0x5B, 0x82.

/** ExtOpPrefix, 20.2.5: the opcode goes on in the next byte. */
export const EXT_OP_PREFIX = 0x5b;

// 20.2.2 Name objects
export const DUAL_NAME_PREFIX = 0x2e;
export const MULTI_NAME_PREFIX = 0x2f;
export const ROOT_CHAR = 0x5c;
export const PARENT_PREFIX_CHAR = 0x5e;
export const NULL_NAME = 0x00;

// 20.2.3 Data objects
export const ZERO_OP = 0x00;
export const ONE_OP = 0x01;
export const BYTE_PREFIX = 0x0a;
export const WORD_PREFIX = 0x0b;
export const DWORD_PREFIX = 0x0c;
export const STRING_PREFIX = 0x0d;
export const QWORD_PREFIX = 0x0e;
export const ONES_OP = 0xff;
export const REVISION_OP = 0x5b30;

// 20.2.5.1 Namespace modifier objects
export const ALIAS_OP = 0x06;
export const NAME_OP = 0x08;
export const SCOPE_OP = 0x10;

// 20.2.5.2 Named objects
export const METHOD_OP = 0x14;
export const EXTERNAL_OP = 0x15;
export const CREATE_DWORD_FIELD_OP = 0x8a;
export const CREATE_WORD_FIELD_OP = 0x8b;
export const CREATE_BYTE_FIELD_OP = 0x8c;
export const CREATE_BIT_FIELD_OP = 0x8d;
export const CREATE_QWORD_FIELD_OP = 0x8f;
export const MUTEX_OP = 0x5b01;
export const EVENT_OP = 0x5b02;
export const CREATE_FIELD_OP = 0x5b13;
export const OP_REGION_OP = 0x5b80;
export const FIELD_OP = 0x5b81;
export const DEVICE_OP = 0x5b82;
export const PROCESSOR_OP = 0x5b83;
export const POWER_RES_OP = 0x5b84;
export const THERMAL_ZONE_OP = 0x5b85;
export const INDEX_FIELD_OP = 0x5b86;
export const BANK_FIELD_OP = 0x5b87;
export const DATA_REGION_OP = 0x5b88;

// 20.2.5.3 Statement opcodes
export const NOTIFY_OP = 0x86;
export const IF_OP = 0xa0;
export const ELSE_OP = 0xa1;
export const WHILE_OP = 0xa2;
export const NOOP_OP = 0xa3;
export const RETURN_OP = 0xa4;

// 20.2.5.4 Expression opcodes
export const BUFFER_OP = 0x11;
export const PACKAGE_OP = 0x12;
export const VAR_PACKAGE_OP = 0x13;
export const STORE_OP = 0x70;
export const ADD_OP = 0x72;
export const SUBTRACT_OP = 0x74;
export const MULTIPLY_OP = 0x77;
export const SHIFT_LEFT_OP = 0x79;
export const SHIFT_RIGHT_OP = 0x7a;
export const AND_OP = 0x7b;
export const OR_OP = 0x7d;
export const XOR_OP = 0x7f;
export const INDEX_OP = 0x88;
export const LAND_OP = 0x90;
export const LOR_OP = 0x91;
export const LNOT_OP = 0x92;
export const LEQUAL_OP = 0x93;
export const LGREATER_OP = 0x94;
export const LLESS_OP = 0x95;

// 20.2.6.1 Arg objects, 20.2.6.2 Local objects
export const LOCAL0_OP = 0x60;
export const LOCAL7_OP = 0x67;
export const ARG0_OP = 0x68;
export const ARG6_OP = 0x6e;

/** What follows an opcode in the byte stream. */
export type Operand =
  | "byte"
  | "word"
  | "dword"
  | "qword"
  | "string"
  | "name"
  /** A TermArg: any expression. */
  | "term"
  /** A SuperName or Target: where a result goes, or nowhere (NullName). */
  | "target"
  /** A PkgLength and all that it covers. */
  | "package";

/** Operands of every opcode, so that a term can be passed over unevaluated. */
export const OPERANDS: ReadonlyMap<number, readonly Operand[]> = new Map([
  // 20.2.3
  ...operands([], [ZERO_OP, ONE_OP, ONES_OP, REVISION_OP]),
  ...operands(["byte"], [BYTE_PREFIX]),
  ...operands(["word"], [WORD_PREFIX]),
  ...operands(["dword"], [DWORD_PREFIX]),
  ...operands(["qword"], [QWORD_PREFIX]),
  ...operands(["string"], [STRING_PREFIX]),
  ...operands(["package"], [BUFFER_OP, PACKAGE_OP, VAR_PACKAGE_OP]),
  // 20.2.5.1 and 20.2.5.2
  ...operands(["name", "name"], [ALIAS_OP]),
  ...operands(["name", "term"], [NAME_OP]),
  ...operands(["name", "byte", "byte"], [EXTERNAL_OP]),
  ...operands(["name", "byte"], [MUTEX_OP]),
  ...operands(["name"], [EVENT_OP]),
  ...operands(["name", "byte", "term", "term"], [OP_REGION_OP]),
  ...operands(["name", "term", "term", "term"], [DATA_REGION_OP]),
  ...operands(["term", "term", "name"], [
    CREATE_DWORD_FIELD_OP,
    CREATE_WORD_FIELD_OP,
    CREATE_BYTE_FIELD_OP,
    CREATE_BIT_FIELD_OP,
    CREATE_QWORD_FIELD_OP,
  ]),
  ...operands(["term", "term", "term", "name"], [CREATE_FIELD_OP]),
  ...operands(["package"], [
    SCOPE_OP,
    METHOD_OP,
    FIELD_OP,
    DEVICE_OP,
    PROCESSOR_OP,
    POWER_RES_OP,
    THERMAL_ZONE_OP,
    INDEX_FIELD_OP,
    BANK_FIELD_OP,
  ]),
  // 20.2.5.3
  ...operands(["package"], [IF_OP, ELSE_OP, WHILE_OP]),
  ...operands([], [
    NOOP_OP,
    0x9f, // Continue
    0xa5, // Break
    0xcc, // BreakPoint
  ]),
  ...operands(["term"], [
    RETURN_OP,
    0x5b21, // Stall
    0x5b22, // Sleep
  ]),
  ...operands(["target", "term"], [NOTIFY_OP]),
  ...operands(["target"], [
    0x5b24, // Signal
    0x5b26, // Reset
    0x5b27, // Release
  ]),
  ...operands(["byte", "dword", "term"], [0x5b32 /* Fatal */]),
  // 20.2.5.4
  ...operands(["term", "target"], [
    STORE_OP,
    0x80, // Not
    0x81, // FindSetLeftBit
    0x82, // FindSetRightBit
    0x96, // ToBuffer
    0x97, // ToDecimalString
    0x98, // ToHexString
    0x99, // ToInteger
    0x9d, // CopyObject
    0x5b28, // FromBCD
    0x5b29, // ToBCD
  ]),
  ...operands(["term", "term", "target"], [
    ADD_OP,
    SUBTRACT_OP,
    MULTIPLY_OP,
    SHIFT_LEFT_OP,
    SHIFT_RIGHT_OP,
    AND_OP,
    0x7c, // NAnd
    OR_OP,
    0x7e, // NOr
    XOR_OP,
    0x73, // Concat
    0x84, // ConcatRes
    0x85, // Mod
    INDEX_OP,
    0x9c, // ToString
  ]),
  ...operands(["term", "term", "target", "target"], [0x78 /* Divide */]),
  ...operands(["term", "term", "term", "target"], [0x9e /* Mid */]),
  ...operands(["term", "byte", "term", "byte", "term", "term"], [
    0x89, // Match
  ]),
  ...operands(["term", "term"], [
    LAND_OP,
    LOR_OP,
    LEQUAL_OP,
    LGREATER_OP,
    LLESS_OP,
  ]),
  ...operands(["term"], [LNOT_OP, 0x83 /* DerefOf */]),
  ...operands(["target"], [
    0x71, // RefOf
    0x75, // Increment
    0x76, // Decrement
    0x87, // SizeOf
    0x8e, // ObjectType
  ]),
  ...operands(["target", "target"], [0x5b12 /* CondRefOf */]),
  ...operands(["target", "word"], [0x5b23 /* Acquire */]),
  ...operands(["target", "term"], [0x5b25 /* Wait */]),
  ...operands(["name", "target"], [0x5b20 /* Load */]),
  ...operands(["term", "term", "term", "term", "term", "term"], [
    0x5b1f, // LoadTable
  ]),
  ...operands([], [
    0x5b31, // Debug
    0x5b33, // Timer
  ]),
  // 20.2.6
  ...operands([], range(LOCAL0_OP, ARG6_OP)),
]);

function operands(
  kinds: readonly Operand[],
  opcodes: readonly number[],
): [number, readonly Operand[]][] {
  return opcodes.map((opcode) => [opcode, kinds]);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
