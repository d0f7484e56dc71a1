import { chacha20 } from "@noble/ciphers/chacha.js";
import { BaseCrng } from "../crng/mod.ts";
import { shimEntropy } from "../ffi/entropy/shim_entropy.ts";
import { loadShim } from "../ffi/mod.ts";
import type { Shim } from "../ffi/shim/shim.ts";
import { ShimSource } from "../ffi/sources/shim_source.ts";
import type { Contestant } from "./measure.ts";

/** Web Crypto's limit for one call. */
const QUOTA = 65_536;

const libc = Deno.dlopen("libc.so.6", {
  // ssize_t getrandom(void *buf, size_t buflen, unsigned int flags);
  getrandom: { parameters: ["buffer", "usize", "u32"], result: "isize" },
});
const urandom = Deno.openSync("/dev/urandom");

function openShim(): Shim {
  const shim = loadShim();
  if (!("symbols" in shim)) throw new Error(shim.reason);
  return shim;
}

/** The shim, as a program at level `memory` or `hedged` uses it. */
export const shim = openShim();

function generator(level: "memory" | "hedged"): BaseCrng {
  return new BaseCrng({
    source: new ShimSource("bench", true, shim),
    entropy: shimEntropy(shim.symbols, level === "hedged"),
    clock: { now: () => performance.now() },
    unbuffered: level === "hedged",
  });
}

/** A generator that draws as at level `memory`: buffered, one look at the source a draw. */
export const memory = generator("memory");
/** A generator that draws as at level `hedged`: a fresh nonce a draw. */
export const hedged = generator("hedged");

function webCrypto(view: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < view.length; at += QUOTA) {
    crypto.getRandomValues(
      view.length <= QUOTA ? view : view.subarray(at, at + QUOTA),
    );
  }
}

/** Everything that draws `size` bytes. */
export function drawing(size: number): Contestant[] {
  const view = new Uint8Array(size);
  const zeros = new Uint8Array(size);
  const key = new Uint8Array(32);
  const nonce = new Uint8Array(12);
  return [
    { name: "memory", run: () => void memory.getRandomValues(view) },
    { name: "hedged", run: () => void hedged.getRandomValues(view) },
    { name: "crypto", run: () => webCrypto(view) },
    { name: "crypto, allocating", run: () => webCrypto(new Uint8Array(size)) },
    { name: "/dev/urandom", run: () => void urandom.readSync(view) },
    {
      name: "getrandom by FFI",
      run: () => void libc.symbols.getrandom(view, BigInt(size), 0),
    },
    { name: "@noble", run: () => void chacha20(key, nonce, zeros, view) },
  ];
}
