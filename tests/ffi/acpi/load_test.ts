import assert from "node:assert/strict";
import { test } from "node:test";
import { findVmGenId } from "../../../ffi/acpi/mod.ts";
import { loadNamespace } from "../../../ffi/acpi/load.ts";
import * as b from "./aml_builder.ts";
import {
  addrOf,
  cid,
  dsdt,
  find,
  goodAddr,
  low,
  noMemory,
  refused,
} from "./helpers.ts";

const { int, one, path, zero } = b;

function declared(...terms: readonly b.Aml[]): string[] {
  const namespace = loadNamespace([b.table({}, ...terms)]);
  assert.deepEqual(namespace.abandoned, []);
  return [...namespace.objects()].map(({ kind, path }) => `${kind} ${path}`);
}

test("loadNamespace() records every kind of declaration", () => {
  assert.deepEqual(
    declared(
      b.name("NAM", one),
      b.alias("NAM", "ALI"),
      b.external("EXT", 8, 2),
      b.join(path("EXT"), one, zero),
      b.method("MET", 2),
      b.region("REG", b.SYSTEM_IO, one, b.add(one, one, b.nothing)),
      b.field("REG", b.BYTE_ACCESS, b.bits("FLD", 8)),
      b.scope("\\_SB", b.device("DEV", b.name("_ADR", zero))),
      b.processor("\\_PR.CPU0", b.name("_PSS", b.packageOf(0))),
      b.powerResource("PWR", b.method("_ON", 0)),
      b.thermalZone("\\_TZ.THM", b.name("_TMP", one)),
      b.hex("5b 01 4d 54 58 5f 00"), // Mutex(MTX)
      b.hex("5b 02 45 56 54 5f"), // Event(EVT)
      b.join(b.hex("5b 88"), path("DRG"), ...["A", "B", "C"].map(b.string)),
      b.join(
        b.hex("5b 86"), // IndexField(FLD, FLD)
        b.pkg(path("FLD"), path("FLD"), b.raw(0), b.bits("IDX", 8)),
      ),
      b.join(
        b.hex("5b 87"), // BankField(REG, FLD, 1)
        b.pkg(path("REG"), path("FLD"), one, b.raw(1), b.bits("BNK", 8)),
      ),
      b.name("BUF", b.buffer(b.raw(1, 2, 3, 4, 5, 6, 7, 8))),
      ...[0x8a, 0x8b, 0x8c, 0x8d, 0x8f].map((opcode, i) =>
        b.join(b.raw(opcode), path("BUF"), zero, path(`CF${i}`))
      ),
      b.join(b.hex("5b 13"), path("BUF"), zero, one, path("CF9")),
      b.join(b.raw(0x8c), path("EXT"), one, zero, one, path("CFA")),
    ),
    [
      "name \\NAM",
      "alias \\ALI",
      "method \\MET",
      "region \\REG",
      "field \\FLD",
      "device \\_SB.DEV",
      "name \\_SB.DEV._ADR",
      "other \\_PR.CPU0",
      "name \\_PR.CPU0._PSS",
      "other \\PWR",
      "method \\PWR._ON",
      "other \\_TZ.THM",
      "name \\_TZ.THM._TMP",
      "other \\MTX",
      "other \\EVT",
      "other \\DRG",
      "other \\IDX",
      "other \\BNK",
      "name \\BUF",
      "other \\CF0",
      "other \\CF1",
      "other \\CF2",
      "other \\CF3",
      "other \\CF4",
      "other \\CF9",
      "other \\CFA",
    ],
  );
});

test("loadNamespace() takes both blocks of If and Else", () => {
  assert.deepEqual(
    declared(
      b.when(b.lgreater(one, zero), b.name("YES", one)),
      b.otherwise(b.name("NO", one)),
    ),
    ["name \\YES", "name \\NO"],
  );
});

test("loadNamespace() passes over module-level statements", () => {
  assert.deepEqual(
    declared(
      b.store(one, b.local(0)),
      b.loop(one, b.name("SKIP", one)),
      b.store(b.string("x"), b.hex("5b 31")), // Debug
      b.store(b.qword(1n), b.index(b.local(0), b.word(1))),
      b.store(b.hex("5b 33"), path("FOO")), // Timer
      b.hex("5b 32 01 02 03 04 05 00"), // Fatal
      b.join(b.hex("78"), one, one, b.nothing, b.local(0)), // Divide
      b.name("END", one),
    ),
    ["name \\END"],
  );
});

test("loadNamespace() resolves ^, nested and searched scopes", () => {
  assert.deepEqual(
    declared(
      b.device("\\_SB.PCI0", b.device("^ISA", b.name("^^TOP", one))),
      b.scope(
        "\\_SB",
        b.scope("ISA", b.name("IN", one)),
        b.scope("NEW.SUB", b.name("IN", one)),
      ),
    ),
    [
      "device \\_SB.PCI0",
      "device \\_SB.ISA",
      "name \\TOP",
      "name \\_SB.ISA.IN",
      "name \\_SB.NEW.SUB.IN",
    ],
  );
});

test("loadNamespace() refuses ^ above the root", () => {
  const namespace = loadNamespace([b.table({}, b.name("^FOO", one))]);
  assert.match(namespace.abandoned[0]!.error.reason, /above the root/);
});

test("loadNamespace() understands every element of a field list", () => {
  const namespace = loadNamespace([b.table(
    {},
    b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(0x100)),
    b.field(
      "REG",
      b.BYTE_ACCESS,
      b.bits("AAA", 4),
      b.reserved(12),
      b.accessAs(b.DWORD_ACCESS),
      b.bits("BBB", 256),
      b.hex("02 11 04 0a 01 ff"), // Connection(Buffer)
      b.hex("03 02 0b 04"), // AccessAs(WordAcc, AttribBytes)
      b.bits("CCC", 8),
    ),
  )]);
  const fields = [...namespace.objects()].filter((o) => o.kind === "field")
    .map((f) => [f.path, f.bitOffset, f.bitWidth, f.access]);
  assert.deepEqual(fields, [
    ["\\AAA", 0, 4, 1],
    ["\\BBB", 16, 256, 3],
    ["\\CCC", 272, 8, 2],
  ]);
});

test("loadNamespace() refuses a path as a field name", () => {
  const namespace = loadNamespace([b.table(
    {},
    b.field("REG", 0, b.join(path("\\FOO"), b.raw(8))),
  )]);
  assert.match(namespace.abandoned[0]!.error.reason, /\\FOO is a path/);
});

test("the first of two objects with one path wins", () => {
  const aml = dsdt([goodAddr, b.name("ADDR", b.packageOf(2, one, one))]);
  assert.equal(find(aml)?.address, 0x1000n);
});

test("an alias means its target, and a loop of aliases nothing", () => {
  const real = b.name("REAL", int(0x1000));
  assert.equal(low(path("ALI"), real, b.alias("REAL", "ALI")), 0x1000n);
  refused(
    () => low(path("ALI"), b.alias("ALJ", "ALI"), b.alias("ALI", "ALJ")),
    "acpi-evaluation",
    /no value/,
  );
  refused(
    () => low(path("ALI"), b.alias("GONE", "ALI")),
    "acpi-evaluation",
    /ALI is not declared/,
  );
});

test("an object of another table is found", () => {
  const ssdt = b.table(
    { signature: "SSDT" },
    b.device("\\_SB.VGEN", cid, b.method("ADDR", 0, ...addrOf(path("VGIA")))),
  );
  const tables = [b.table({}, b.name("\\_SB.VGIA", int(0x1000))), ssdt];
  assert.equal(findVmGenId(tables, noMemory)?.address, 0x1000n);
});

test("a broken TermList is given up alone", () => {
  const aml = b.table(
    {},
    b.scope("\\_SB", b.raw(0x02), b.name("LOST", one)),
    b.device("VGEN", cid, goodAddr),
  );
  assert.equal(find(aml)?.path, "\\VGEN");
  const { abandoned } = loadNamespace([aml]);
  assert.equal(abandoned.length, 1);
  assert.equal(abandoned[0]!.scope, "\\_SB");
  assert.match(abandoned[0]!.error.reason, /opcode 0x2 is unknown/);
});

test("a device with an unreadable part is refused with the cause", () => {
  const inside = b.when(one, b.raw(0x5b, 0xff));
  for (const body of [[goodAddr, b.raw(0x02)], [goodAddr, inside]]) {
    refused(
      () => find(dsdt(body)),
      "acpi-unsupported",
      /opcode 0x(2|5bff) is unknown/,
    );
  }
  refused(
    () => find(dsdt([goodAddr, b.device("SUB", b.raw(0x02))])),
    "acpi-unsupported",
    /opcode 0x2 is unknown/,
  );
});

test("a device in bytes that cannot be read is no absent device", () => {
  const device = b.device("VGEN", b.name("_CID", b.string("vm_gen_COUNTER")));
  const aml = b.table({}, b.raw(0x02), device);
  const error = refused(
    () => find(aml),
    "acpi-hidden",
    /no readable part declares its device/,
  );
  assert.match((error.cause as Error).message, /opcode 0x2 is unknown/);
  assert.equal(aml[error.offset], "v".charCodeAt(0));
});

test("the text anywhere but in a device is an error as well", () => {
  const aml = b.table({}, b.name("FOO", b.string("VM_Gen_Counter")));
  const error = refused(() => find(aml), "acpi-hidden", /VM_Gen_Counter/);
  assert.equal(error.cause, undefined);
});

test("a broken table without the text is no error", () => {
  assert.equal(find(b.table({}, b.raw(0x02))), undefined);
});

/** One way to break each rule of the encoding. */
const MALFORMED: readonly (readonly [string, b.Aml, RegExp])[] = [
  ["a PkgLength shorter than itself", b.hex("10 00"), /shorter than itself/],
  ["a PkgLength past the enclosing end", b.hex("10 4f ff"), /enclosing end/],
  ["a PkgLength with reserved bits", b.hex("10 70 00"), /reserved bits/],
  ["an illegal NameSeg", b.hex("08 41 2d 41 41 00"), /illegal character/],
  ["a MultiNamePath of no segments", b.hex("08 2f 00 00"), /no segment/],
  ["a name above the root", b.name("^^^FOO", one), /above the root/],
  ["a string without NUL", b.hex("08 46 4f 4f 5f 0d ff"), /no NUL/],
  ["a term that ends too early", b.hex("08 46 4f 4f 5f 0c ff"), /bytes end/],
  ["an unknown opcode", b.hex("5b 7f"), /0x5b7f is unknown/],
];

for (const [title, broken, reason] of MALFORMED) {
  test(`findVmGenId() refuses ${title} in the device`, () => {
    const code = reason.source.includes("unknown")
      ? "acpi-unsupported"
      : "acpi-malformed";
    refused(() => find(dsdt([goodAddr, broken])), code, reason);
  });

  test(`findVmGenId() refuses ${title} where it hides the device`, () => {
    const tail = b.name("FOO", b.string("VM_Gen_Counter"));
    const isLast = /no NUL|too early/.test(title + reason.source);
    const order = isLast ? [tail, broken] : [broken, tail];
    const error = refused(
      () => find(b.table({}, b.scope("\\_SB", ...order))),
      "acpi-hidden",
      /no readable part/,
    );
    assert.match((error.cause as Error).message, reason);
  });
}
