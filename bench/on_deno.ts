import { drawing, SINGLE, webCrypto } from "./contestants.ts";
import type { Contestant } from "./measure.ts";
import type { Goal, Race } from "./race.ts";

const libc = Deno.dlopen("libc.so.6", {
  // ssize_t getrandom(void *buf, size_t buflen, unsigned int flags);
  getrandom: { parameters: ["buffer", "usize", "u32"], result: "isize" },
});
const urandom = Deno.openSync("/dev/urandom");
const word = new Uint32Array(1);

function allDrawing(size: number): Contestant[] {
  const view = new Uint8Array(size);
  const { memory, hedged, noble } = drawing(size);
  return [
    memory,
    hedged,
    { name: "crypto", run: () => webCrypto(view) },
    { name: "crypto, allocating", run: () => webCrypto(new Uint8Array(size)) },
    { name: "/dev/urandom", run: () => void urandom.readSync(view) },
    {
      name: "getrandom by FFI",
      run: () => void libc.symbols.getrandom(view, BigInt(size), 0),
    },
    noble,
  ];
}

function perDraw(size: number, other: string, limit: number): Goal {
  return {
    name: `${size} bytes against ${other}`,
    ours: [size, "memory"],
    theirs: [size, other],
    limit,
  };
}

/** The race in Deno. */
export const race: Race = {
  runtime: `Deno ${Deno.version.deno}`,
  drawing: allDrawing,
  single: [
    ...SINGLE,
    {
      name: "crypto.getRandomValues(Uint32Array(1))",
      run: () => void crypto.getRandomValues(word),
    },
    { name: "crypto.randomUUID()", run: () => void crypto.randomUUID() },
  ],
  goals: [
    {
      name: "the check, in units of 10 ns",
      ours: "the check alone",
      theirs: 10,
      limit: 1,
    },
    {
      name: "a uint32 against crypto on a reused view",
      ours: "randomUint32()",
      theirs: "crypto.getRandomValues(Uint32Array(1))",
      limit: 0.4,
    },
    perDraw(16, "crypto", 0.8),
    perDraw(32, "crypto", 1.1),
    perDraw(4, "/dev/urandom", 1 / 6),
    perDraw(16, "/dev/urandom", 1 / 6),
    perDraw(32, "/dev/urandom", 1 / 6),
    perDraw(256, "/dev/urandom", 1 / 2),
    perDraw(65_536, "@noble", 1 / 1.3),
    perDraw(1_048_576, "@noble", 1 / 1.3),
  ],
};
