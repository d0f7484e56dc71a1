import assert from "node:assert/strict";
import { test } from "node:test";
import { AmlReader } from "../../../ffi/acpi/aml_reader.ts";
import { AcpiError, findVmClock, findVmGenId } from "../../../ffi/acpi/mod.ts";
import * as b from "./aml_builder.ts";
import {
  cid,
  dsdt,
  find,
  goodAddr,
  nest,
  noMemory,
  refused,
} from "./helpers.ts";

const MIB = 1 << 20;

/** Counts the steps that the reader's cursor makes while `act` runs. */
function countSteps(act: () => void): number {
  const { peek, skip } = AmlReader.prototype;
  let steps = 0;
  AmlReader.prototype.peek = function (): number | undefined {
    steps++;
    return peek.call(this);
  };
  AmlReader.prototype.skip = function (count: number): void {
    steps++;
    skip.call(this, count);
  };
  try {
    act();
  } finally {
    Object.assign(AmlReader.prototype, { peek, skip });
  }
  return steps;
}

/** So many copies of a term. */
function times(count: number, term: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(count * term.length);
  for (let i = 0; i < count; i++) bytes.set(term, i * term.length);
  return bytes;
}

/** Copies of a term until the table has nearly 1 MiB. */
function fill(term: Uint8Array): b.Aml {
  return b.table({}, times(Math.floor((MIB - 36) / term.length), term));
}

/** Copies of a term in which each "A000" becomes another name. */
function numbered(count: number, term: b.Aml, letter = "A"): Uint8Array {
  const bytes = times(count, term);
  const at = term.findIndex((_, i) =>
    String.fromCharCode(...term.subarray(i, i + 4)) === "A000"
  );
  for (let i = 0; i < count; i++) {
    const number = i.toString(36).toUpperCase().padStart(3, "0");
    bytes.set(b.ascii(letter + number), i * term.length + at);
  }
  return bytes;
}

const text = b.name("_DDN", b.string("VM_Gen_Counter"));

const HOSTILE: readonly (readonly [string, () => b.Aml])[] = [
  [
    "65,536 operators in each other",
    () => b.table({}, new Uint8Array(MIB - 36).fill(0x92)),
  ],
  ["names in each other", () => fill(b.path("^^^^^^^^^^^^^^^^^^^^"))],
  ["a million zeros", () => b.table({}, new Uint8Array(MIB - 36))],
  [
    "a million package opcodes",
    () => b.table({}, new Uint8Array(MIB - 36).fill(0x12)),
  ],
  ["a huge package", () =>
    b.table(
      {},
      b.device(
        "VGEN",
        b.name(
          "_CID",
          b.join(
            b.raw(0x12),
            b.pkg(
              b.raw(255),
              new Uint8Array(MIB - 100),
            ),
          ),
        ),
      ),
    )],
  [
    "blocks 5,000 deep",
    () => b.table({}, nest(text, 5_000, (inner) => b.otherwise(inner))),
  ],
  [
    "devices 5,000 deep",
    () => b.table({}, nest(text, 5_000, (inner) => b.device("DEV", inner))),
  ],
  ["packages 5,000 deep", () =>
    b.table(
      {},
      b.device(
        "VGEN",
        b.name("_CID", nest(b.zero, 5_000, (inner) => b.packageOf(1, inner))),
      ),
    )],
  ["empty blocks", () => fill(b.otherwise())],
  ["broken blocks", () => fill(b.otherwise(b.raw(0x02)))],
  ["many devices", () => b.table({}, numbered(40_000, b.device("A000")))],
  ["many names", () => b.table({}, numbered(40_000, b.name("A000", b.zero)))],
  ["many event methods that call one large method", () =>
    b.table(
      {},
      b.method("BIG", 0, b.join(times(20_000, b.path("BIG")))),
      b.device("VGEN", cid, goodAddr),
      ...Array.from({ length: 10_000 }, (_, i) =>
        b.scope(
          `S${(i % 512).toString(16).toUpperCase().padStart(3, "0")}`,
          b.method(
            `_E${(i >> 9).toString(16).toUpperCase().padStart(2, "0")}`,
            0,
            b.path("\\BIG"),
          ),
        )),
    )],
  ["method calls in each other", () =>
    b.table(
      {},
      b.external("FUN", 8, 7),
      times(100_000, b.path("FUN")),
    )],
  ["long strings", () => fill(b.name("FOO", b.string("x".repeat(60_000))))],
  ["field lists", () =>
    b.table(
      {},
      b.field(
        "REG",
        0,
        b.join(times(100_000, b.bits("FLD", 8))),
      ),
    )],
];

for (const [title, make] of HOSTILE) {
  test(`a hostile table of ${title} costs linear time`, () => {
    const aml = make();
    assert(aml.length <= MIB);
    const steps = countSteps(() => {
      for (const search of [findVmGenId, findVmClock]) {
        try {
          search([aml], noMemory);
        } catch (error) {
          assert(error instanceof AcpiError, String(error));
        }
      }
    });
    // Two searches; a term is looked at, read, and perhaps walked once more
    assert(steps < 16 * aml.length + 1000, `${steps} steps`);
  });
}

test("TermLists may nest 24 deep, and no deeper", () => {
  const nested = (depth: number) =>
    b.table(
      {},
      nest(b.device("VGEN", cid, goodAddr), depth, (inner) =>
        b.when(b.one, inner)),
    );
  assert.equal(find(nested(23))?.path, "\\VGEN");
  const error = refused(() => find(nested(24)), "acpi-hidden", /VM_Gen/);
  assert.match((error.cause as Error).message, /deeper than 24/);
});

test("terms may nest 32 deep where they are passed over, and no deeper", () => {
  const nested = (depth: number) =>
    dsdt([goodAddr, nest(b.zero, depth, (inner) => b.lnot(inner))]);
  assert.equal(find(nested(32))?.path, "\\_SB.VGEN");
  refused(() => find(nested(33)), "acpi-limit", /nest deeper than 32/);
});

test("a path may have 255 characters, and no more", () => {
  const nested = (depth: number) =>
    b.table(
      {},
      b.device(
        Array.from({ length: depth }, () => "ABCD").join("."),
        cid,
        goodAddr,
      ),
    );
  assert.equal(find(nested(50))?.path.length, 250);
  const error = refused(() => find(nested(52)), "acpi-hidden", /VM_Gen/);
  assert.match((error.cause as Error).message, /255 characters/);
});

test("65,536 objects are read, and no more", () => {
  const names = (letter: string, count: number) =>
    numbered(count, b.name("A000", b.zero), letter);
  const tables = [
    b.table({}, names("A", 40_000)),
    b.table({ signature: "SSDT" }, names("B", 25_532)),
  ];
  const device = (signature: string) =>
    b.table({ signature }, b.device("VGEN", cid, goodAddr));
  const more = (count: number) =>
    b.table({ signature: "SSDT" }, names("C", count));
  const all = (count: number) => [...tables, more(count), device("SSDT")];
  // The device itself, its _CID and its ADDR are three more
  assert.equal(findVmGenId(all(1), noMemory)?.path, "\\VGEN");
  const error = refused(
    () => findVmGenId(all(4), noMemory),
    "acpi-hidden",
    /VM_Gen/,
  );
  assert.match((error.cause as Error).message, /more than 65536 objects/);
});

test("256 TermLists are given up, and no more", () => {
  const broken = (count: number) =>
    b.table(
      {},
      ...Array.from({ length: count }, () => b.otherwise(b.raw(0x02))),
    );
  assert.equal(find(broken(256)), undefined);
  refused(() => find(broken(257)), "acpi-unsupported", /0x2 is unknown/);
});
