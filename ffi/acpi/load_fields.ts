import type { AmlReader } from "./aml_reader.ts";
import { type LoadState, newPath } from "./load_state.ts";
import { BANK_FIELD_OP } from "./opcodes.ts";
import { formatName, type NameString } from "./path.ts";
import { skipTerm } from "./skip.ts";

// FieldElement, ACPI 6.5 section 20.2.5.2
const RESERVED_FIELD = 0x00;
const ACCESS_FIELD = 0x01;
const CONNECT_FIELD = 0x02;
const EXTENDED_ACCESS_FIELD = 0x03;

/** FieldFlags and AccessType: bits 0-3 hold the access type. */
const ACCESS_MASK = 0x0f;

/** The body of DefField: the region's name, flags, elements. */
export function loadFields(state: LoadState): void {
  const region = state.reader.name();
  loadElements(state, region);
}

/**
 * DefIndexField and DefBankField: their fields take names, but to read one
 * means to write an index first, so they cannot be evaluated.
 */
export function loadIndirectFields(state: LoadState): void {
  const { namespace, scope } = state;
  const opcode = state.reader.opcode();
  const reader = state.reader.body();
  reader.name();
  reader.name();
  if (opcode === BANK_FIELD_OP) {
    skipTerm(reader, (name) => namespace.argumentCount(name, scope));
  }
  loadElements({ ...state, reader }, undefined);
}

function loadElements(
  state: LoadState,
  region: NameString | undefined,
): void {
  const { namespace, reader, scope } = state;
  let access = reader.byte() & ACCESS_MASK;
  let bitOffset = 0;
  while (!reader.done) {
    switch (reader.peek()) {
      case RESERVED_FIELD:
        reader.skip(1);
        bitOffset += reader.packedLength();
        break;
      case ACCESS_FIELD: // AccessType, AccessAttrib
        reader.skip(1);
        access = reader.byte() & ACCESS_MASK;
        reader.skip(1);
        break;
      case EXTENDED_ACCESS_FIELD: // AccessType, ExtendedAccessAttrib, length
        reader.skip(1);
        access = reader.byte() & ACCESS_MASK;
        reader.skip(2);
        break;
      case CONNECT_FIELD: // a NameString or a buffer
        reader.skip(1);
        skipTerm(reader, () => 0);
        break;
      default: {
        const span = reader.rest();
        const path = newPath(state, fieldName(reader));
        const bitWidth = reader.packedLength();
        namespace.define(
          region === undefined ? { kind: "other", path, scope, span } : {
            kind: "field",
            path,
            scope,
            span,
            region,
            bitOffset,
            bitWidth,
            access,
          },
        );
        bitOffset += bitWidth;
      }
    }
  }
}

/** A NamedField starts with a bare NameSeg. */
function fieldName(reader: AmlReader): NameString {
  const start = reader.offset;
  const name = reader.name();
  if (reader.offset - start === 4) return name;
  throw reader.error(`The field name ${formatName(name)} is a path`, start);
}
