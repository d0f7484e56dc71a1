/** What is drawn from, before the clone and after it. */

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { BaseCrng } from "../../crng/mod.ts";
import { openMachine } from "../../ffi/mod.ts";
import { configure, getRandom, protection, randomUUID } from "../../mod.ts";
import { EmulatedPage } from "./page.ts";

/** A source of random values in a process that is going to be cloned. */
export interface Source {
  /** One draw, as text. */
  draw(): string;
  /** Where this process would see a fork; absent if it looks nowhere. */
  readonly page?: EmulatedPage;
  /** What the CPU has, for ours. */
  readonly hardware?: readonly string[];
}

const SIZE = 16;

/** By name, so that the driver can ask for one; each opens its source. */
export const SOURCES = {
  "crypto.getRandomValues": () => ({
    draw: () => crypto.getRandomValues(new Uint8Array(SIZE)).toHex(),
  }),
  "crypto.randomUUID": () => ({ draw: () => crypto.randomUUID() }),
  "node:crypto randomBytes": () => ({
    draw: () => randomBytes(SIZE).toString("hex"),
  }),
  "node:crypto Ed25519 key": () => ({
    draw: () =>
      generateKeyPairSync("ed25519").publicKey
        .export({ type: "spki", format: "der" }).toString("hex"),
  }),
  "/dev/urandom": () => {
    const file = Deno.openSync("/dev/urandom");
    const bytes = new Uint8Array(SIZE);
    return {
      draw: () => {
        file.readSync(bytes);
        return bytes.toHex();
      },
    };
  },
  "vmfork, input-pool": () => ours("input-pool"),
  "vmfork, injection": () => ours("injection"),
  "vmfork, randomUUID": () => ({ ...ours("input-pool"), draw: randomUUID }),
  "vmfork, below memory": () => {
    const page = new EmulatedPage({ timely: false });
    configure({ source: page });
    return { ...drawing(), page };
  },
  "vmfork, no timed reseed": () => timeless({ hardware: true }),
  "vmfork, no hardware randomness": () => timeless({ hardware: false }),
} as const satisfies Record<string, () => Source>;

/** A key of {@linkcode SOURCES}. */
export type SourceName = keyof typeof SOURCES;

/** The public door, on a page that the emulator can change. */
function ours(strategy: "input-pool" | "injection"): Source {
  const page = new EmulatedPage({ timely: true });
  configure({ source: page, strategy, require: "memory" });
  return { ...drawing(), page };
}

function drawing(): Source {
  return {
    draw: () => getRandom(SIZE).toHex(),
    hardware: protection().hardware,
  };
}

/**
 * The generator at `memory`, with time standing still, so that no timed reseed
 * parts the images; also as on a CPU without RDRAND.
 */
function timeless({ hardware }: { readonly hardware: boolean }): Source {
  const page = new EmulatedPage({ timely: true });
  const { ports, protection } = openMachine({ source: page }, {
    clock: { now: () => 0 },
  });
  const { entropy } = ports!;
  const crng = new BaseCrng(
    hardware ? ports! : {
      ...ports!,
      entropy: {
        fill: (seed) => entropy.fill(seed),
        nonce: (into) => void into.fill(0),
      },
    },
  );
  return {
    draw: () => crng.getRandom(SIZE).toHex(),
    page,
    hardware: hardware ? protection.hardware : [],
  };
}
