import { AmlReader } from "./aml_reader.ts";
import { AcpiError } from "./errors.ts";
import { loadFields, loadIndirectFields } from "./load_fields.ts";
import { type LoadState, newPath } from "./load_state.ts";
import { MAX_ABANDONED, MAX_NESTING } from "./limits.ts";
import { Namespace } from "./namespace.ts";
import {
  ALIAS_OP,
  BANK_FIELD_OP,
  CREATE_BIT_FIELD_OP,
  CREATE_BYTE_FIELD_OP,
  CREATE_DWORD_FIELD_OP,
  CREATE_FIELD_OP,
  CREATE_QWORD_FIELD_OP,
  CREATE_WORD_FIELD_OP,
  DATA_REGION_OP,
  DEVICE_OP,
  ELSE_OP,
  EVENT_OP,
  EXTERNAL_OP,
  FIELD_OP,
  IF_OP,
  INDEX_FIELD_OP,
  METHOD_OP,
  MUTEX_OP,
  NAME_OP,
  OP_REGION_OP,
  POWER_RES_OP,
  PROCESSOR_OP,
  SCOPE_OP,
  THERMAL_ZONE_OP,
} from "./opcodes.ts";
import { ROOT } from "./path.ts";
import { skipTerm } from "./skip.ts";
import { type AcpiTable, HEADER_BYTES, readTables } from "./table.ts";

/**
 * Loads definition blocks, DSDT first, into one namespace.
 *
 * Method bodies are not looked into, and nothing is evaluated: of a
 * module-level If and Else both blocks count. A TermList that cannot be read
 * is given up alone, because its parent knows where it ends.
 */
export function loadNamespace(tables: readonly Uint8Array[]): Namespace {
  const namespace = new Namespace(readTables(tables));
  for (const table of namespace.tables) loadTable(namespace, table);
  return namespace;
}

function loadTable(namespace: Namespace, table: AcpiTable): void {
  const end = table.bytes.length;
  const reader = new AmlReader({ table, offset: HEADER_BYTES, end });
  loadTermList({ namespace, reader, scope: ROOT, nesting: 0 });
}

function loadTermList(state: LoadState): void {
  const { namespace, reader, scope, nesting } = state;
  try {
    if (nesting > MAX_NESTING) {
      throw reader.error(
        `TermLists nest deeper than ${MAX_NESTING}`,
        reader.offset,
        "acpi-limit",
      );
    }
    while (!reader.done) loadTerm(state);
  } catch (error) {
    const { abandoned } = namespace;
    const bounded = abandoned.length < MAX_ABANDONED;
    if (!(error instanceof AcpiError) || !bounded) throw error;
    abandoned.push({ scope, error });
  }
}

function loadTerm(state: LoadState): void {
  const { namespace, reader, scope } = state;
  const opcode = reader.peekOpcode();
  switch (opcode) {
    case SCOPE_OP:
      return loadScope(state);
    case DEVICE_OP:
      return loadContainer(state, "device", 0);
    case THERMAL_ZONE_OP:
      return loadContainer(state, "other", 0);
    case POWER_RES_OP: // SystemLevel, ResourceOrder
      return loadContainer(state, "other", 3);
    case PROCESSOR_OP: // ProcID, PblkAddr, PblkLen
      return loadContainer(state, "other", 6);
    case IF_OP:
    case ELSE_OP:
      return loadBlock(state);
    case NAME_OP:
    case OP_REGION_OP:
    case ALIAS_OP:
      return loadObject(state);
    case METHOD_OP:
      return loadMethod(state);
    case EXTERNAL_OP:
      return loadExternal(state);
    case FIELD_OP:
      reader.opcode();
      return loadFields({ ...state, reader: reader.body() });
    case INDEX_FIELD_OP:
    case BANK_FIELD_OP:
      return loadIndirectFields(state);
    case MUTEX_OP:
    case EVENT_OP:
    case DATA_REGION_OP:
      return loadOther(state, 0);
    case CREATE_DWORD_FIELD_OP:
    case CREATE_WORD_FIELD_OP:
    case CREATE_BYTE_FIELD_OP:
    case CREATE_BIT_FIELD_OP:
    case CREATE_QWORD_FIELD_OP:
      return loadOther(state, 2);
    case CREATE_FIELD_OP:
      return loadOther(state, 3);
    default:
      return skipTerm(reader, (name) => namespace.argumentCount(name, scope));
  }
}

/** DefScope: opens an object that exists, looked for like any other name. */
function loadScope(state: LoadState): void {
  state.reader.opcode();
  const reader = state.reader.body();
  const name = reader.name();
  const scope = state.namespace.resolvePath(name, state.scope) ??
    newPath({ ...state, reader }, name);
  loadTermList({ ...state, reader, scope, nesting: state.nesting + 1 });
}

/** DefDevice and its like: a name, some bytes, a TermList. */
function loadContainer(
  state: LoadState,
  kind: "device" | "other",
  fixedBytes: number,
): void {
  state.reader.opcode();
  const reader = state.reader.body();
  const span = reader.rest();
  const path = newPath({ ...state, reader }, reader.name());
  reader.skip(fixedBytes);
  state.namespace.define({ kind, path, scope: state.scope, span });
  const nesting = state.nesting + 1;
  loadTermList({ ...state, reader, scope: path, nesting });
}

/** DefIfElse: names in it go to the scope around it. */
function loadBlock(state: LoadState): void {
  const { namespace, scope } = state;
  const opcode = state.reader.opcode();
  const reader = state.reader.body();
  if (opcode === IF_OP) {
    skipTerm(reader, (name) => namespace.argumentCount(name, scope));
  }
  loadTermList({ ...state, reader, nesting: state.nesting + 1 });
}

/** DefName, DefOpRegion, DefAlias: passed over, then kept for later. */
function loadObject(state: LoadState): void {
  const { namespace, reader, scope } = state;
  const opcode = reader.opcode();
  const skip = () =>
    skipTerm(reader, (name) => namespace.argumentCount(name, scope));
  if (opcode === ALIAS_OP) {
    const span = reader.rest();
    const target = reader.name();
    const path = newPath(state, reader.name());
    return namespace.define({ kind: "alias", path, scope, span, target });
  }
  const path = newPath(state, reader.name());
  if (opcode === NAME_OP) {
    const span = reader.rest();
    skip();
    return namespace.define({ kind: "name", path, scope, span });
  }
  const space = reader.byte();
  const span = reader.rest();
  skip();
  skip();
  namespace.define({ kind: "region", path, scope, span, space });
}

/** DefMethod. MethodFlags: bits 0-2 count the arguments. */
function loadMethod(state: LoadState): void {
  state.reader.opcode();
  const reader = state.reader.body();
  const path = newPath({ ...state, reader }, reader.name());
  const argumentCount = reader.byte() & 7;
  const span = reader.rest();
  const { namespace, scope } = state;
  namespace.define({ kind: "method", path, scope, span, argumentCount });
}

/** DefExternal: ObjectType 8 is a method. */
function loadExternal(state: LoadState): void {
  const { namespace, reader } = state;
  reader.opcode();
  const path = newPath(state, reader.name());
  const type = reader.byte();
  const argumentCount = reader.byte() & 7;
  if (type === 8) namespace.defineExternal(path, argumentCount);
}

/** Anything else with a name, which follows the opcode or some terms. */
function loadOther(state: LoadState, termsBefore: number): void {
  const { namespace, reader, scope } = state;
  const start = new AmlReader(reader.rest());
  skipTerm(reader, (name) => namespace.argumentCount(name, scope));
  start.opcode();
  for (let i = 0; i < termsBefore; i++) {
    skipTerm(start, (name) => namespace.argumentCount(name, scope));
  }
  const span = start.rest();
  const path = newPath(state, start.name());
  namespace.define({ kind: "other", path, scope, span });
}
