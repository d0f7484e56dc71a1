import { AmlReader, isNameLead } from "./aml_reader.ts";
import { Budget, exceeded } from "./budget.ts";
import type { AcpiError, AcpiErrorCode } from "./errors.ts";
import { type Frame, newFrame, ownName } from "./frame.ts";
import { MAX_BUFFER_BYTES, MAX_PACKAGE_ELEMENTS } from "./limits.ts";
import type {
  FieldObject,
  MethodObject,
  NamedObject,
  NameObject,
  Namespace,
  RegionObject,
} from "./namespace.ts";
import * as op from "./opcodes.ts";
import { ARITHMETIC, LOGICAL } from "./operators.ts";
import {
  formatName,
  isSearched,
  lastSegment,
  type NameString,
} from "./path.ts";
import { isMemory, type PhysicalReader, type Region } from "./physical.ts";
import { AmlPackage, asInteger, typeName, type Value } from "./values.ts";

/** RegionSpace of DefOpRegion: the only one that is read. */
const SYSTEM_MEMORY = 0;

/**
 * Evaluates Names and argument-less Methods, straight from the bytes.
 *
 * It is free of side effects: nothing is ever written to the machine, and a
 * change to a Name lives as long as the evaluator. Of a method it knows
 * Return, If and Else, local Names, Store, integer operators and Index;
 * anything else is an {@linkcode AcpiError}.
 */
export class Evaluator {
  readonly #namespace: Namespace;
  readonly #physical: PhysicalReader;
  /** Values of Names so far: packages are filled in place. */
  readonly #names = new Map<string, Value>();
  /** Regions so far: ACPICA too evaluates their arguments once. */
  readonly #regions = new Map<string, Region>();
  #budget = new Budget();

  constructor(namespace: Namespace, physical: PhysicalReader) {
    this.#namespace = namespace;
    this.#physical = physical;
  }

  /** The value of a Name, or what a Method returns. */
  evaluate(object: NameObject | MethodObject): Value {
    this.#budget = new Budget();
    if (object.kind === "name") return this.#name(object);
    return this.#call(object, new AmlReader(object.span));
  }

  /** Reads an object that some term at the reader's place means. */
  #object(object: NamedObject, reader: AmlReader): Value {
    switch (object.kind) {
      case "name":
        return this.#name(object);
      case "method":
        // _INI, _REG, _OSI and the like are for the kernel to run
        if (!lastSegment(object.path).startsWith("_")) {
          const call = () => this.#call(object, reader);
          return this.#budget.within("call", reader, call);
        }
        throw unsupported(reader, `The evaluation calls ${object.path}`);
      case "field":
        return this.#field(object, reader);
      default:
        throw fault(reader, `${object.path} has no value`);
    }
  }

  #name(object: NameObject): Value {
    const known = this.#names.get(object.path);
    if (known !== undefined) return known;
    const frame = newFrame(object.scope);
    const value = this.#term(new AmlReader(object.span), frame);
    this.#names.set(object.path, value);
    return value;
  }

  #call(method: MethodObject, reader: AmlReader): Value {
    if (method.argumentCount > 0) {
      throw unsupported(reader, `The method ${method.path} takes arguments`);
    }
    const body = new AmlReader(method.span);
    const value = this.#run(body, newFrame(method.path));
    if (value !== undefined) return value;
    throw fault(reader, `The method ${method.path} returns nothing`);
  }

  #field(field: FieldObject, reader: AmlReader): bigint {
    const region = this.#namespace.resolve(field.region, field.scope);
    if (region?.kind !== "region") {
      throw fault(reader, `The field ${field.path} has no region`);
    }
    const place = this.#region(region, reader);
    if (field.bitWidth > this.#namespace.integerBits) {
      throw unsupported(reader, `The field ${field.path} is no integer`);
    }
    return this.#physical.field(field, place);
  }

  #region(object: RegionObject, reader: AmlReader): Region {
    if (object.space !== SYSTEM_MEMORY) {
      throw unsupported(reader, `${object.path} is not in SystemMemory`);
    }
    const known = this.#regions.get(object.path);
    if (known !== undefined) return known;
    const region = this.#budget.within("region", reader, () => {
      const frame = newFrame(object.scope);
      const terms = new AmlReader(object.span);
      const base = this.#integer(terms, frame);
      return { base, length: this.#integer(terms, frame) };
    });
    if (!isMemory(region)) {
      throw fault(
        reader,
        `${object.path} is no range of physical memory`,
        "acpi-address",
      );
    }
    this.#regions.set(object.path, region);
    return region;
  }

  /** Runs a TermList. Returns what a Return in it gives. */
  #run(reader: AmlReader, frame: Frame): Value | undefined {
    while (!reader.done) {
      this.#budget.step(reader);
      switch (reader.peekOpcode()) {
        case op.RETURN_OP:
          reader.opcode();
          return this.#term(reader, frame);
        case op.IF_OP: {
          const block = this.#branch(reader, frame);
          const value = block && this.#budget.within(
            "block",
            reader,
            () => this.#run(block, frame),
          );
          if (value !== undefined) return value;
          break;
        }
        case op.NAME_OP:
          this.#declare(reader, frame);
          break;
        case op.NOOP_OP:
          reader.opcode();
          break;
        default:
          this.#term(reader, frame);
      }
    }
    return undefined;
  }

  /** DefIfElse: the block to run, if any. */
  #branch(reader: AmlReader, frame: Frame): AmlReader | undefined {
    reader.opcode();
    const then = reader.body();
    const isTrue = this.#integer(then, frame) !== 0n;
    if (reader.peekOpcode() !== op.ELSE_OP) return isTrue ? then : undefined;
    reader.opcode();
    const otherwise = reader.body();
    return isTrue ? then : otherwise;
  }

  /** DefName in a method: the name is the method's own. */
  #declare(reader: AmlReader, frame: Frame): void {
    reader.opcode();
    const name = reader.name();
    if (!isSearched(name)) {
      throw unsupported(reader, `The method declares ${formatName(name)}`);
    }
    frame.names.set(name.segments[0]!, this.#term(reader, frame));
  }

  #integer(reader: AmlReader, frame: Frame): bigint {
    return asInteger(this.#term(reader, frame), reader);
  }

  /** Evaluates one term. */
  #term(reader: AmlReader, frame: Frame): Value {
    this.#budget.step(reader);
    return this.#budget.within(
      "term",
      reader,
      () =>
        isNameLead(reader.peek())
          ? this.#named(reader, frame)
          : this.#operator(reader, frame),
    );
  }

  #named(reader: AmlReader, frame: Frame): Value {
    const name = reader.name();
    const own = ownName(name, frame);
    if (own !== undefined) return own;
    return this.#object(this.#resolve(name, reader, frame), reader);
  }

  #resolve(name: NameString, reader: AmlReader, frame: Frame): NamedObject {
    const object = this.#namespace.resolve(name, frame.scope);
    if (object !== undefined) return object;
    throw fault(reader, `The name ${formatName(name)} is not declared`);
  }

  #operator(reader: AmlReader, frame: Frame): Value {
    const start = reader.offset;
    const opcode = reader.opcode();
    switch (opcode) {
      case op.ZERO_OP:
        return 0n;
      case op.ONE_OP:
        return 1n;
      case op.ONES_OP:
        return this.#cut(-1n);
      case op.BYTE_PREFIX:
        return reader.integer(1);
      case op.WORD_PREFIX:
        return reader.integer(2);
      case op.DWORD_PREFIX:
        return reader.integer(4);
      case op.QWORD_PREFIX:
        return this.#cut(reader.integer(8));
      case op.REVISION_OP:
        return 2n;
      case op.STRING_PREFIX:
        return reader.string();
      case op.BUFFER_OP:
        return this.#buffer(reader.body(), frame);
      case op.PACKAGE_OP:
      case op.VAR_PACKAGE_OP:
        return this.#budget.within(
          "package",
          reader,
          () => this.#package(opcode, reader.body(), frame),
        );
      case op.STORE_OP: {
        const value = this.#term(reader, frame);
        this.#store(value, reader, frame);
        return value;
      }
      case op.LNOT_OP:
        return this.#truth(this.#integer(reader, frame) === 0n);
    }
    if (opcode >= op.LOCAL0_OP && opcode <= op.LOCAL7_OP) {
      const value = frame.locals[opcode - op.LOCAL0_OP];
      if (value !== undefined) return value;
      throw fault(reader, `Local${opcode - op.LOCAL0_OP} has no value yet`);
    }
    const arithmetic = ARITHMETIC.get(opcode);
    const logical = LOGICAL.get(opcode);
    if (arithmetic === undefined && logical === undefined) {
      throw unsupported(
        reader,
        `The opcode 0x${opcode.toString(16)} is not evaluated`,
        start,
      );
    }
    const a = this.#integer(reader, frame);
    const b = this.#integer(reader, frame);
    if (logical !== undefined) return this.#truth(logical(a, b));
    const result = this.#cut(arithmetic!(a, b));
    if (reader.peek() === op.NULL_NAME) reader.skip(1);
    else this.#store(result, reader, frame);
    return result;
  }

  /** DefBuffer: BufferSize, then its first bytes; the others are zero. */
  #buffer(body: AmlReader, frame: Frame): Uint8Array {
    const size = this.#integer(body, frame);
    const given = body.bytes(body.end - body.offset);
    if (size > MAX_BUFFER_BYTES || given.length > MAX_BUFFER_BYTES) {
      throw exceeded(body, `A buffer has more than ${MAX_BUFFER_BYTES} bytes`);
    }
    const buffer = new Uint8Array(Math.max(Number(size), given.length));
    buffer.set(given);
    return buffer;
  }

  /** DefPackage, DefVarPackage: fewer elements than NumElements are legal. */
  #package(opcode: number, body: AmlReader, frame: Frame): AmlPackage {
    const count = opcode === op.PACKAGE_OP
      ? BigInt(body.byte())
      : this.#integer(body, frame);
    if (count > MAX_PACKAGE_ELEMENTS) {
      throw exceeded(
        body,
        `A package has more than ${MAX_PACKAGE_ELEMENTS} elements`,
      );
    }
    const elements = new Array<Value | undefined>(Number(count));
    elements.fill(undefined);
    for (let i = 0; !body.done; i++) {
      if (i >= elements.length) {
        throw body.error("The package has more elements than NumElements");
      }
      elements[i] = this.#element(body, frame);
    }
    return new AmlPackage(elements);
  }

  /** A name in a package stands for its data; other objects are references. */
  #element(body: AmlReader, frame: Frame): Value {
    if (isNameLead(body.peek())) {
      const name = new AmlReader(body.rest()).name();
      const object = this.#namespace.resolve(name, frame.scope);
      if (ownName(name, frame) === undefined && object?.kind !== "name") {
        throw unsupported(
          body,
          `A package element refers to ${formatName(name)}`,
        );
      }
    }
    return this.#copy(this.#term(body, frame), body);
  }

  /** Stores into the SuperName at the reader's place. */
  #store(value: Value, reader: AmlReader, frame: Frame): void {
    const start = reader.offset;
    if (isNameLead(reader.peek())) {
      return this.#storeName(value, reader, frame);
    }
    const opcode = reader.opcode();
    if (opcode === op.INDEX_OP) {
      const { elements } = this.#packageAt(reader, frame);
      const index = this.#integer(reader, frame);
      if (index >= elements.length) {
        throw fault(reader, `The index ${index} is out of range`);
      }
      if (reader.byte() !== op.NULL_NAME) {
        throw unsupported(reader, "An Index stores its reference");
      }
      elements[Number(index)] = this.#copy(value, reader);
    } else if (opcode >= op.LOCAL0_OP && opcode <= op.LOCAL7_OP) {
      frame.locals[opcode - op.LOCAL0_OP] = this.#copy(value, reader);
    } else {
      throw unsupported(
        reader,
        `The opcode 0x${opcode.toString(16)} is no target of a store`,
        start,
      );
    }
  }

  /** A Name keeps its type (19.3.5.5); no conversion is done. */
  #storeName(value: Value, reader: AmlReader, frame: Frame): void {
    const name = reader.name();
    const own = ownName(name, frame);
    const object = own === undefined
      ? this.#resolve(name, reader, frame)
      : undefined;
    if (object !== undefined && object.kind !== "name") {
      throw unsupported(
        reader,
        `A store to the ${object.kind} ${object.path} would not be free of side effects`,
      );
    }
    const before = own ?? this.#name(object!);
    if (typeName(before) !== typeName(value)) {
      throw fault(
        reader,
        `Cannot store ${typeName(value)} to ${formatName(name)}, which holds ${
          typeName(before)
        }`,
      );
    }
    const copy = this.#copy(value, reader);
    if (object === undefined) frame.names.set(name.segments[0]!, copy);
    else this.#names.set(object.path, copy);
  }

  /** The package that an Index means, itself and not a copy. */
  #packageAt(reader: AmlReader, frame: Frame): AmlPackage {
    const value = this.#term(reader, frame);
    if (value instanceof AmlPackage) return value;
    throw fault(reader, `Cannot index ${typeName(value)}`);
  }

  /** Packages are values: a store copies them, and each element is a step. */
  #copy(value: Value, reader: AmlReader): Value {
    if (!(value instanceof AmlPackage)) return value;
    const elements = value.elements.map((element) => {
      this.#budget.step(reader);
      return element === undefined ? undefined : this.#copy(element, reader);
    });
    return new AmlPackage(elements);
  }

  /** Cuts an integer to the width of the interpreter. */
  #cut(value: bigint): bigint {
    return BigInt.asUintN(this.#namespace.integerBits, value);
  }

  /** True is Ones (20.2.3). */
  #truth(value: boolean): bigint {
    return value ? this.#cut(-1n) : 0n;
  }
}

function fault(
  reader: AmlReader,
  reason: string,
  code: AcpiErrorCode = "acpi-evaluation",
): AcpiError {
  return reader.error(reason, reader.offset, code);
}

function unsupported(
  reader: AmlReader,
  reason: string,
  offset: number = reader.offset,
): AcpiError {
  return reader.error(reason, offset, "acpi-unsupported");
}
