import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AcpiError,
  findVmClock,
  findVmGenId,
  type VmClockDevice,
  type VmGenIdDevice,
} from "../../../ffi/acpi/mod.ts";
import * as b from "./aml_builder.ts";
import { FORMS, machine, type Read } from "./forms.ts";

const MUTANTS = 100_000;
const ROUNDS = 20;

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
function mulberry32(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) % below;
  };
}

type Random = ReturnType<typeof mulberry32>;

const clock = b.table(
  {},
  b.device(
    "\\_SB.VCLK",
    b.name("_HID", b.string("AMZNC10C")),
    b.name("_CID", b.string("VMCLOCK")),
    b.method(
      "_CRS",
      0,
      b.name(
        "RBUF",
        b.buffer(b.hex(`
          8a 2b 00 00 0c 01 00 00 00 00 00 00 00 00
          00 e0 0d 00 00 00 00 00 ff ef 0d 00 00 00 00 00
          00 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00
          86 09 00 01 00 00 00 00 00 00 00 00 79 00`)),
      ),
      b.returns(b.path("RBUF")),
    ),
  ),
);

/** What mutants are made of: a form's last table, its others, its memory. */
const SEEDS = [
  ...FORMS.map(({ tables, memory }) => ({ find: findVmGenId, tables, memory })),
  { find: findVmClock, tables: [clock], memory: new Map<bigint, number>() },
];

/** Bytes that mean something in AML: likelier than others to get far. */
const TELLING = b.hex(
  "00 01 06 08 0a 0b 0c 0d 0e 10 11 12 13 14 15 2e 2f 5b 5c 5e 5f 60 61 68" +
    "70 72 74 77 79 7a 7b 7d 7f 80 81 82 83 86 87 88 90 92 93 a0 a1 a2 a4 ff",
);

function mutate(random: Random, seed: Uint8Array): Uint8Array {
  let bytes: Uint8Array = seed.slice();
  for (let i = random(3); i >= 0; i--) bytes = mutateOnce(random, bytes);
  // Mostly keep the header plausible, or nothing but the header is tested
  if (random(16) > 0 && bytes.length >= 36) {
    bytes.set(seed.subarray(0, 4));
    new DataView(bytes.buffer).setUint32(4, bytes.length, true);
  }
  return bytes;
}

function mutateOnce(random: Random, bytes: Uint8Array): Uint8Array {
  // Mostly leave the header alone
  const first = random(32) === 0 ? 0 : Math.min(36, bytes.length);
  const at = first + random(Math.max(bytes.length - first, 1));
  const count = 1 + random(6);
  switch (random(6)) {
    case 0: // flip a bit
      return replaced(bytes, at, (bytes[at] ?? 0) ^ 1 << random(8));
    case 1: // another byte
      return replaced(bytes, at, random(256));
    case 2: // a telling byte
      return replaced(bytes, at, TELLING[random(TELLING.length)]!);
    case 3: { // insert
      const inserted = Uint8Array.from(
        { length: count },
        () => TELLING[random(TELLING.length)]!,
      );
      return b.join(bytes.subarray(0, at), inserted, bytes.subarray(at));
    }
    case 4: // delete, or now and then truncate
      return random(8) === 0
        ? bytes.slice(0, at)
        : b.join(bytes.subarray(0, at), bytes.subarray(at + count));
    default: { // splice a part of another table
      const { tables } = SEEDS[random(SEEDS.length)]!;
      const other = tables[tables.length - 1]!;
      const from = random(other.length);
      const part = other.subarray(from, from + random(64));
      const over = random(2) === 0 ? part.length : 0;
      return b.join(bytes.subarray(0, at), part, bytes.subarray(at + over));
    }
  }
}

function replaced(bytes: Uint8Array, at: number, value: number): Uint8Array {
  if (at < bytes.length) bytes[at] = value;
  return bytes;
}

/** Asserts all that must hold whatever the bytes are. */
function search(
  find: typeof findVmGenId | typeof findVmClock,
  tables: readonly Uint8Array[],
  memory: ReadonlyMap<bigint, number>,
): "found" | "nothing" | "refused" {
  const { reads, readPhysical } = machine(memory);
  try {
    const found = find(tables, readPhysical);
    if (found === undefined) return "nothing";
    checkAddress(found);
    return "found";
  } catch (error) {
    assert(error instanceof AcpiError, `not an AcpiError: ${error}`);
    assert(error.offset >= 0);
    return "refused";
  } finally {
    assert(reads.length <= 16);
    reads.forEach(checkRead);
  }
}

function checkAddress(found: VmGenIdDevice | VmClockDevice): void {
  const isClock = "length" in found;
  const length = isClock ? found.length : 1n;
  if (isClock) assert(length >= 112n);
  else assert(found.regionReads.length <= 16);
  assert(found.address > 0n && found.address + length <= 1n << 52n);
  assert.equal(found.address % (isClock ? 4096n : 8n), 0n);
}

function checkRead({ address, width }: Read): void {
  assert([1, 2, 4, 8].includes(width));
  assert.equal(address % BigInt(width), 0n);
  assert(address >= 0n && address + BigInt(width) <= 1n << 52n);
}

for (let round = 0; round < ROUNDS; round++) {
  test(`${MUTANTS / ROUNDS} broken tables give an address or an AcpiError, seed ${round}`, () => {
    const random = mulberry32(round);
    const outcomes = { found: 0, nothing: 0, refused: 0 };
    for (let i = 0; i < MUTANTS / ROUNDS; i++) {
      const { find, tables, memory } = SEEDS[i % SEEDS.length]!;
      const last = mutate(random, tables[tables.length - 1]!);
      try {
        outcomes[search(find, [...tables.slice(0, -1), last], memory)]++;
      } catch (error) {
        const bytes = last.reduce(
          (text, byte) => text + byte.toString(16).padStart(2, "0"),
          "",
        );
        throw new Error(`seed ${round}, mutant ${i}: ${bytes}`, {
          cause: error,
        });
      }
    }
    // The mutations are worth something only if all three come about often
    assert(
      Math.min(...Object.values(outcomes)) > 100,
      JSON.stringify(outcomes),
    );
  });
}
