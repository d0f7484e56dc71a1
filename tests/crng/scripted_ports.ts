import { blake2s } from "@noble/hashes/blake2.js";
import type { CrngPorts } from "../../crng/mod.ts";

/** The ports that `tests/vectors/generate.py` computes with, by the library hash and not by our own. */
export class ScriptedPorts {
  readonly calls = { fill: 0, nonce: 0, clock: 0 };
  count = 1;
  label = 1;
  ms = 0;
  readonly #hasId: boolean;
  readonly #nonce: string;

  constructor({ hasId = true, nonce = "hardware" } = {}) {
    this.#hasId = hasId;
    this.#nonce = nonce;
  }

  ports(): Required<Omit<CrngPorts, "strategy" | "unbuffered" | "secrets">> {
    return {
      source: {
        name: "scripted",
        timely: true,
        generation: () => this.count,
        uniqueId: (into) => {
          if (!this.#hasId) return 0;
          into.set(keyed("vmfork test id", this.label).subarray(0, 16));
          return 16;
        },
        changed: () => Promise.reject(new Error("not scripted")),
      },
      entropy: {
        fill: (seed) => {
          const call = this.calls.fill++;
          for (let at = 0, k = 0; at < seed.length; at += 32, k++) {
            const block = keyed("vmfork test seed", call, k);
            seed.set(block.subarray(0, seed.length - at), at);
          }
        },
        nonce: (into) => {
          const call = this.calls.nonce++;
          if (this.#nonce === "zeros") into.fill(0);
          else into.set(keyed("vmfork test nonce", call).subarray(0, 12));
        },
      },
      clock: {
        now: () => {
          this.calls.clock++;
          return this.ms;
        },
      },
    };
  }
}

/** BLAKE2s, keyed with a text, of 32-bit little-endian numbers. */
function keyed(key: string, ...numbers: number[]): Uint8Array {
  const data = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((n, i) => data.setUint32(4 * i, n, true));
  return blake2s(new Uint8Array(data.buffer), {
    key: new TextEncoder().encode(key),
  });
}
