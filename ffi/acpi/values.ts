import type { AmlReader } from "./aml_reader.ts";

/** A package: mutable, with holes where nothing was stored. */
export class AmlPackage {
  readonly elements: (Value | undefined)[];

  constructor(elements: (Value | undefined)[]) {
    this.elements = elements;
  }
}

/** What an evaluation yields: integer, string, buffer or package. */
export type Value = bigint | string | Uint8Array | AmlPackage;

/** The value as an integer, or an error at the reader's place. */
export function asInteger(value: Value, reader: AmlReader): bigint {
  if (typeof value === "bigint") return value;
  throw reader.error(
    `Expected an integer, got ${typeName(value)}`,
    reader.offset,
    "acpi-evaluation",
  );
}

/** The name of a value's type, with its article. */
export function typeName(value: Value): string {
  if (typeof value === "bigint") return "an integer";
  if (typeof value === "string") return "a string";
  return value instanceof AmlPackage ? "a package" : "a buffer";
}
