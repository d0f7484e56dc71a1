import { chacha20 } from "@noble/ciphers/chacha.js";
import { BaseCrng } from "../crng/mod.ts";
import { shimEntropy } from "../ffi/entropy/shim_entropy.ts";
import { loadShim } from "../ffi/mod.ts";
import type { Shim } from "../ffi/shim/shim.ts";
import { ShimSource } from "../ffi/sources/shim_source.ts";
import type { Contestant } from "./measure.ts";

/** Web Crypto's limit for one call. */
const QUOTA = 65_536;

function openShim(): Shim {
  const shim = loadShim();
  if (!("symbols" in shim)) throw new Error(shim.reason);
  return shim;
}

/** The shim, as a program at level `memory` or `hedged` uses it. */
export const shim = openShim();

function generator(level: "memory" | "hedged"): BaseCrng {
  return new BaseCrng({
    source: new ShimSource({ name: "bench", timely: true }, shim),
    entropy: shimEntropy(shim.symbols, level === "hedged"),
    clock: { now: () => performance.now() },
    unbuffered: level === "hedged",
  });
}

/** A generator that draws as at level `memory`: buffered, one look at the source a draw. */
export const memory = generator("memory");
/** A generator that draws as at level `hedged`: a fresh nonce a draw. */
export const hedged = generator("hedged");

/** `crypto.getRandomValues()`, in as many calls as its limit asks for. */
export function webCrypto(view: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < view.length; at += QUOTA) {
    crypto.getRandomValues(
      view.length <= QUOTA ? view : view.subarray(at, at + QUOTA),
    );
  }
}

/** Ours at both levels, and a stream cipher in JavaScript, into reused views of `size` bytes. */
export function drawing(
  size: number,
): Record<"memory" | "hedged" | "noble", Contestant> {
  const view = new Uint8Array(size);
  const zeros = new Uint8Array(size);
  const key = new Uint8Array(32);
  const nonce = new Uint8Array(12);
  return {
    memory: { name: "memory", run: () => void memory.getRandomValues(view) },
    hedged: { name: "hedged", run: () => void hedged.getRandomValues(view) },
    noble: {
      name: "@noble",
      run: () => void chacha20(key, nonce, zeros, view),
    },
  };
}

/** Single results of ours, by the names of the public functions. */
export const SINGLE: readonly Contestant[] = [
  { name: "the check alone", run: () => void shim.symbols.vmfork_generation() },
  { name: "an empty call", run: () => {} },
  { name: "randomUint32()", run: () => void memory.randomUint32() },
  { name: "randomUUID()", run: () => void memory.randomUUID() },
  { name: "randomInt(0, 1000)", run: () => void memory.randomInt(0, 1000) },
];
