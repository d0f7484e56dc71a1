import { type AmlReader, isNameLead } from "./aml_reader.ts";
import { MAX_EXPRESSION_DEPTH } from "./limits.ts";
import { type Operand, OPERANDS } from "./opcodes.ts";
import type { NameString } from "./path.ts";

/** How many arguments the method of that name takes; 0 for anything else. */
export type ArgumentCount = (name: NameString) => number;

/** Passes over one term without evaluating it. */
export function skipTerm(
  reader: AmlReader,
  argumentCount: ArgumentCount,
  depth = 0,
): void {
  if (depth > MAX_EXPRESSION_DEPTH) {
    throw reader.error(
      `Terms nest deeper than ${MAX_EXPRESSION_DEPTH}`,
      reader.offset,
      "acpi-limit",
    );
  }
  if (isNameLead(reader.peek())) {
    const count = argumentCount(reader.name());
    for (let i = 0; i < count; i++) skipTerm(reader, argumentCount, depth + 1);
    return;
  }
  const start = reader.offset;
  const opcode = reader.opcode();
  const operands = OPERANDS.get(opcode);
  if (operands === undefined) {
    throw reader.error(
      `The opcode 0x${opcode.toString(16)} is unknown`,
      start,
      "acpi-unsupported",
    );
  }
  for (const operand of operands) {
    skipOperand(reader, operand, argumentCount, depth + 1);
  }
}

function skipOperand(
  reader: AmlReader,
  operand: Operand,
  argumentCount: ArgumentCount,
  depth: number,
): void {
  switch (operand) {
    case "byte":
      return reader.skip(1);
    case "word":
      return reader.skip(2);
    case "dword":
      return reader.skip(4);
    case "qword":
      return reader.skip(8);
    case "string":
      return void reader.string();
    case "name":
      return void reader.name();
    case "package":
      return void reader.body();
    case "term":
      return skipTerm(reader, argumentCount, depth);
    case "target":
      // NullName is the byte of ZeroOp, so nothing is special about it
      if (isNameLead(reader.peek())) return void reader.name();
      return skipTerm(reader, argumentCount, depth);
  }
}
