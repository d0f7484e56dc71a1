import type { Span } from "./aml_reader.ts";
import { AcpiError } from "./errors.ts";
import { MAX_ALIAS_CHAIN, MAX_OBJECTS } from "./limits.ts";
import {
  absolutePath,
  isSearched,
  join,
  type NameString,
  parentOf,
} from "./path.ts";
import type { AcpiTable } from "./table.ts";

interface Declared {
  /** Absolute path, such as `\_SB.VGEN`. */
  readonly path: string;
  /** Absolute path of the scope around the declaration. */
  readonly scope: string;
  /** What the object was declared with; its first byte is its place. */
  readonly span: Span;
}

/** DefDevice (ACPI 6.5 section 20.2.5.2). The span is its body. */
export interface DeviceObject extends Declared {
  readonly kind: "device";
}

/** DefName. The span starts with the DataRefObject. */
export interface NameObject extends Declared {
  readonly kind: "name";
}

/** DefMethod. The span is its TermList. */
export interface MethodObject extends Declared {
  readonly kind: "method";
  readonly argumentCount: number;
}

/** DefOpRegion. The span starts with its offset and length, two TermArgs. */
export interface RegionObject extends Declared {
  readonly kind: "region";
  /** 0 is SystemMemory. */
  readonly space: number;
}

/** One NamedField of a DefField. */
export interface FieldObject extends Declared {
  readonly kind: "field";
  readonly region: NameString;
  readonly bitOffset: number;
  readonly bitWidth: number;
  /** AccessType: 0 any, 1 byte, 2 word, 3 dword, 4 qword, 5 buffer. */
  readonly access: number;
}

/** DefAlias. */
export interface AliasObject extends Declared {
  readonly kind: "alias";
  readonly target: NameString;
}

/** Anything else that takes a name: it can hide an outer object. */
export interface OtherObject extends Declared {
  readonly kind: "other";
}

/** An object with a name. */
export type NamedObject =
  | DeviceObject
  | NameObject
  | MethodObject
  | RegionObject
  | FieldObject
  | AliasObject
  | OtherObject;

/** A TermList that the load pass gave up, and why. */
export interface Abandoned {
  readonly scope: string;
  readonly error: AcpiError;
}

/** Everything that the tables declare, by absolute path. */
export class Namespace {
  /** The tables, in their order. */
  readonly tables: readonly AcpiTable[];
  /** Width of an integer: 32 before revision 2 of the DSDT (5.2.11.1). */
  readonly integerBits: 32 | 64;
  /** What the load pass could not read. */
  readonly abandoned: Abandoned[] = [];
  readonly #objects = new Map<string, NamedObject>();
  readonly #externals = new Map<string, number>();

  /** Creates an empty namespace. The first table sets the integer width. */
  constructor(tables: readonly AcpiTable[]) {
    this.tables = tables;
    const revision = tables[0]?.revision ?? 2;
    this.integerBits = revision < 2 ? 32 : 64;
  }

  /** Adds an object. The first of a path wins, as in ACPICA. */
  define(object: NamedObject): void {
    if (this.#objects.has(object.path)) return;
    if (this.#objects.size >= MAX_OBJECTS) {
      throw new AcpiError(
        "acpi-limit",
        { table: object.span.table.label, offset: object.span.offset },
        `The tables declare more than ${MAX_OBJECTS} objects`,
      );
    }
    this.#objects.set(object.path, object);
  }

  /** Notes how many arguments a method declared elsewhere takes. */
  defineExternal(path: string, argumentCount: number): void {
    if (this.#externals.size < MAX_OBJECTS) {
      this.#externals.set(path, argumentCount);
    }
  }

  /** The object of an absolute path; aliases are followed. */
  get(path: string): NamedObject | undefined {
    let object = this.#objects.get(path);
    for (let i = 0; object?.kind === "alias" && i < MAX_ALIAS_CHAIN; i++) {
      object = this.#objects.get(
        this.resolvePath(object.target, object.scope) ?? "",
      );
    }
    return object;
  }

  /** The object that a name means in a scope (ACPI 6.5 section 5.3). */
  resolve(name: NameString, scope: string): NamedObject | undefined {
    const path = this.resolvePath(name, scope);
    return path === undefined ? undefined : this.get(path);
  }

  /** The absolute path of the object that a name means in a scope. */
  resolvePath(name: NameString, scope: string): string | undefined {
    return find(name, scope, (path) => this.#objects.has(path));
  }

  /** How many arguments follow a name that stands as a term. */
  argumentCount(name: NameString, scope: string): number {
    const object = this.resolve(name, scope);
    if (object !== undefined) {
      return object.kind === "method" ? object.argumentCount : 0;
    }
    const path = find(name, scope, (path) => this.#externals.has(path));
    return path === undefined ? 0 : this.#externals.get(path)!;
  }

  /** All objects, in the order of their declaration. */
  objects(): IterableIterator<NamedObject> {
    return this.#objects.values();
  }
}

/** The first path at which a name leads to something. */
function find(
  name: NameString,
  scope: string,
  exists: (path: string) => boolean,
): string | undefined {
  if (!isSearched(name)) {
    const path = absolutePath(name, scope);
    return path !== undefined && exists(path) ? path : undefined;
  }
  let level: string | undefined = scope;
  while (level !== undefined) {
    const path = join(level, name.segments[0]!);
    if (exists(path)) return path;
    level = parentOf(level);
  }
  return undefined;
}
