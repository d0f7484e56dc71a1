/** Sources of random values that Deno and Node share. */

import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { nanoid } from "nanoid";
import type { Source } from "./draw_loop.ts";

// What nanoid takes for granted.
Object.assign(globalThis, { Buffer });

/** A source of type-erased values. */
export function source<T>(
  draw: () => T,
  bytes: (value: T) => Uint8Array,
  warm = 1000,
): Source {
  return { draw, bytes: bytes as (value: unknown) => Uint8Array, warm };
}

/** The bytes of a UUID's text. */
export function uuidBytes(text: string): Uint8Array {
  return Buffer.from(text.replaceAll("-", ""), "hex");
}

/** The secret half of an Ed25519 key: the last 32 bytes of its PKCS #8 form. */
function seedOf(key: KeyObject): Uint8Array {
  return key.export({ type: "pkcs8", format: "der" }).subarray(-32);
}

/** Key pairs of `node:crypto`. */
export const ed25519: Source = source(
  () => generateKeyPairSync("ed25519").privateKey,
  seedOf,
  20,
);

/** Ids of the npm package nanoid, 21 characters of 6 bits. */
export const nanoids: Source = source(
  () => nanoid(),
  (text) => new TextEncoder().encode(text),
);
