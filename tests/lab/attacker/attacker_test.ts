import assert from "node:assert/strict";
import { it } from "node:test";
import { BaseCrng, Blake2s } from "../../../crng/mod.ts";
import { SimulatedMachine } from "../../../ffi/testing/mod.ts";
import { drawsFrom, keyAfterRefill } from "./generator.ts";
import { findKeys } from "./keys.ts";
import { findPieces } from "./pieces.ts";
import { ramPages } from "./pages.ts";

// The lab's attacker, on what can be had without a machine.

const PAGE = 4096;
const SIZE = 16;

it("drawsFrom() is what the generator draws without hardware randomness", () => {
  const ports = new SimulatedMachine({ hardware: false }).ports();
  const { entropy } = ports;
  // What the first seeding took in.
  const seed = new Uint8Array(104);
  const crng = new BaseCrng({
    ...ports,
    unbuffered: false,
    entropy: {
      fill: (into) => {
        entropy.fill(into);
        seed.set(into);
      },
      nonce: (into) => entropy.nonce(into),
    },
  });
  const drawn = Array.from({ length: 200 }, () => crng.getRandom(SIZE).toHex());
  const id = new Uint8Array(16);
  assert.equal(ports.source.uniqueId(id), 16);
  const stream = drawsFrom(firstKey(id, seed), SIZE);
  assert.deepEqual(drawn, drawn.map(() => stream.next().value));
});

it("keyAfterRefill() goes on where drawsFrom() refills", () => {
  const key = new Uint8Array(32).fill(7);
  const stream = drawsFrom(key, 992);
  stream.next();
  assert.equal(
    drawsFrom(keyAfterRefill(key), 992).next().value,
    stream.next().value,
  );
});

it("findKeys() finds a key among other bytes", () => {
  const page = new Uint8Array(PAGE).fill(0x90);
  const key = Uint8Array.from({ length: 32 }, (_, i) => i * 37 + 11);
  page.set(key, 1_000);
  const draw = drawsFrom(key, SIZE).next().value!;
  const { pages, tried, found } = findKeys([page], new Set([draw]));
  assert.equal(pages, 1);
  assert.ok(tried > 0 && tried < 10, `${tried} windows`);
  assert.deepEqual(found, [{ key, draw }]);
});

it("findPieces() finds every piece in every encoding, at any byte", () => {
  const secret = Uint8Array.from({ length: 24 }, (_, i) => i * 37 + 11);
  const page = new Uint8Array(PAGE).fill(0x90);
  page.set(secret, 1_001);
  for (let i = 0; i < secret.length; i += 4) {
    page.set(secret.subarray(i, i + 4), 2_000 + 2 * i);
    page.set(secret.subarray(i, i + 4), 3_004 + 2 * i);
  }
  const other = secret.map((byte) => byte ^ 0xff);
  const found = findPieces([new Uint8Array(PAGE), page], [other, secret]);
  assert.deepEqual(
    found.map(({ secret, at, encoding, page, offset }) => [
      secret,
      at,
      encoding,
      page,
      offset,
    ]),
    [
      ...Array.from(
        { length: 9 },
        (_, at) => [1, at, "contiguous", 1, 1_001 + at],
      ),
      ...[0, 4, 8].map((at) => [1, at, "lower halves", 1, 2_000 + 2 * at]),
      ...[0, 4, 8].map((at) => [1, at, "upper halves", 1, 3_004 + 2 * at]),
    ],
  );
});

it("findPieces() finds a piece at the end of a page, and none beyond it", () => {
  const secret = Uint8Array.from({ length: 16 }, (_, i) => i * 37 + 11);
  const [whole, cut] = [new Uint8Array(PAGE), new Uint8Array(PAGE)];
  whole.set(secret, PAGE - 16);
  cut.set(secret.subarray(0, 15), PAGE - 15);
  assert.deepEqual(
    findPieces([cut, whole], [secret]).map(({ page }) => page),
    [1],
  );
});

it("ramPages() reads the pages of a migration stream", () => {
  const stream = migrationStream([
    { fill: 0xaa, flags: 0x08, name: "pc.ram" },
    { fill: 0, flags: 0x22, name: "" },
    { fill: 0xbb, flags: 0x28, name: "" },
  ]);
  assert.deepEqual(
    [...ramPages(stream)].map((page) => [page.length, page[0]]),
    [
      [PAGE, 0xaa],
      [PAGE, 0xbb],
    ],
  );
});

it("ramPages() refuses another file", () => {
  assert.throws(() => [...ramPages(new Uint8Array(64))], /No migration stream/);
});

/** The first seeding by the generator's definition. */
function firstKey(id: Uint8Array, seed: Uint8Array): Uint8Array<ArrayBuffer> {
  const pool = blake2s(undefined, id, seed.subarray(0, 72));
  return blake2s(
    pool,
    seed.subarray(72),
    new Uint8Array([1, ...Array(7).fill(0)]),
  );
}

function blake2s(
  key: Uint8Array | undefined,
  ...parts: Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const hash = new Blake2s(key);
  for (const part of parts) hash.update(part);
  const digest = new Uint8Array(32);
  hash.digestInto(digest);
  return digest;
}

interface Record {
  readonly fill: number;
  readonly flags: number;
  readonly name: string;
}

/** As QEMU writes it: a start with the list of blocks, one part, one end. */
function migrationStream(records: Record[]): Uint8Array<ArrayBuffer> {
  const u32 = (value: number): number[] => [0, 0, value >> 8, value & 255];
  const u64 = (value: number): number[] => [...u32(0), ...u32(value)];
  const text = (words: string): number[] => [
    words.length,
    ...new TextEncoder().encode(words),
  ];
  const end = [...u64(0x10), 0x7e, ...u32(2)];
  const pages = records.flatMap(({ fill, flags, name }, i) => [
    ...u64(i << 12 | flags),
    ...(name === "" ? [] : text(name)),
    ...(flags & 0x08 ? new Array<number>(PAGE).fill(fill) : [0]),
  ]);
  return Uint8Array.from([
    ...[0x51, 0x45, 0x56, 0x4d, ...u32(3)],
    ...[0x07, ...u32(2), 112, 99],
    ...[0x01, ...u32(2), ...text("ram"), ...u32(0), ...u32(4)],
    ...u64(0x3000 | 0x04),
    ...[...text("pc.ram"), ...u64(0x3000), ...end],
    ...[0x08, 0, 7, 0, 0],
    ...[0x02, ...u32(2), ...pages, ...end],
    ...[0x03, ...u32(2), ...end, 0x04],
  ]);
}
