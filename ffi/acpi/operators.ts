import {
  ADD_OP,
  AND_OP,
  LAND_OP,
  LEQUAL_OP,
  LGREATER_OP,
  LLESS_OP,
  LOR_OP,
  MULTIPLY_OP,
  OR_OP,
  SHIFT_LEFT_OP,
  SHIFT_RIGHT_OP,
  SUBTRACT_OP,
  XOR_OP,
} from "./opcodes.ts";

/** `Operator(TermArg, TermArg, Target)`, before the cut to integer width. */
export const ARITHMETIC: ReadonlyMap<
  number,
  (a: bigint, b: bigint) => bigint
> = new Map([
  [ADD_OP, (a, b) => a + b],
  [SUBTRACT_OP, (a, b) => a - b],
  [MULTIPLY_OP, (a, b) => a * b],
  [AND_OP, (a, b) => a & b],
  [OR_OP, (a, b) => a | b],
  [XOR_OP, (a, b) => a ^ b],
  // A shift by 64 or more leaves nothing, and must not build a huge integer
  [SHIFT_LEFT_OP, (a, b) => b < 64n ? a << b : 0n],
  [SHIFT_RIGHT_OP, (a, b) => b < 64n ? a >> b : 0n],
]);

/** `Operator(TermArg, TermArg)` with a truth value as the result. */
export const LOGICAL: ReadonlyMap<
  number,
  (a: bigint, b: bigint) => boolean
> = new Map([
  [LAND_OP, (a, b) => a !== 0n && b !== 0n],
  [LOR_OP, (a, b) => a !== 0n || b !== 0n],
  [LEQUAL_OP, (a, b) => a === b],
  [LGREATER_OP, (a, b) => a > b],
  [LLESS_OP, (a, b) => a < b],
]);
