import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  DeviceTreeError,
  type DeviceTreeErrorCode,
} from "../../../ffi/devicetree/mod.ts";

/** A blob that dtc made of the source of the same name; see README.md. */
export function compiled(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    readFileSync(new URL(`./${name}.dtb`, import.meta.url)),
  );
}

/** Asserts a DeviceTreeError, and returns it. */
export function refused(
  act: () => unknown,
  code: DeviceTreeErrorCode,
  reason: RegExp,
): DeviceTreeError {
  try {
    act();
  } catch (error) {
    assert(error instanceof DeviceTreeError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.reason, reason);
    assert.match(error.reason, /^[A-Z"/#0-9][^]*[^.]$/);
    return error;
  }
  assert.fail("Nothing was thrown");
}

/** A node for {@linkcode blob}: properties, then children. */
export interface Tree {
  readonly [name: string]: Tree | Uint8Array;
}

// Devicetree Specification 0.4, section 5.4.1.
const [BEGIN_NODE, END_NODE, PROP, END] = [1, 2, 3, 9];
const HEADER_BYTES = 40;

/** 32-bit big-endian words, as `<...>` is in a device tree's source. */
export function cells(...values: number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(4 * i, value));
  return bytes;
}

/** A string as `"..."` is in a device tree's source. */
export function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${value}\0`);
}

/** The blob of a tree that dtc might not write. */
export function blob(root: Tree): Uint8Array<ArrayBuffer> {
  const names: string[] = [];
  return ofTokens([...node("", root, names), ...cells(END!)], names);
}

/** The blob of a structure block as it is, right or wrong. */
export function ofTokens(
  structure: readonly number[],
  names: readonly string[] = [],
): Uint8Array<ArrayBuffer> {
  const strings = [...text(names.join("\0"))];
  const structStart = HEADER_BYTES + 16; // after an empty memory reservation block
  const stringsStart = structStart + structure.length;
  const header = cells(
    0xd00dfeed,
    stringsStart + strings.length,
    structStart,
    stringsStart,
    HEADER_BYTES,
    17,
    16,
    0,
    strings.length,
    structure.length,
  );
  return Uint8Array.from([
    ...header,
    ...new Uint8Array(16),
    ...structure,
    ...strings,
  ]);
}

function node(name: string, tree: Tree, names: string[]): number[] {
  const bytes: number[] = [...cells(BEGIN_NODE!), ...padded(text(name))];
  for (const [key, value] of Object.entries(tree)) {
    if (value instanceof Uint8Array) {
      bytes.push(
        ...cells(PROP!, value.length, offsetOf(key, names)),
        ...padded(value),
      );
    } else bytes.push(...node(key, value, names));
  }
  bytes.push(...cells(END_NODE!));
  return bytes;
}

function padded(bytes: Uint8Array): number[] {
  return [...bytes, ...new Uint8Array(-bytes.length & 3)];
}

function offsetOf(key: string, names: string[]): number {
  if (!names.includes(key)) names.push(key);
  const before = names.slice(0, names.indexOf(key));
  return before.reduce((sum, name) => sum + name.length + 1, 0);
}
