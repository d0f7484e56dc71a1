import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findVmGenId } from "../../../ffi/acpi/mod.ts";
import * as b from "./aml_builder.ts";
import {
  addrOf,
  cid,
  dsdt,
  find,
  goodAddr,
  low,
  nest,
  noMemory,
  refused,
  run,
} from "./helpers.ts";

const { int, local, nothing, one, ones, path, zero } = b;

test("operators compute what they say", () => {
  for (
    const [title, expression, expected] of [
      ["Add", b.add(int(0x1000), int(8), nothing), 0x1008n],
      ["Subtract", b.subtract(int(0x1010), int(8), nothing), 0x1008n],
      ["Multiply", b.multiply(int(0x100), int(8), nothing), 0x800n],
      ["And", b.and(int(0xff8f), int(0xf0f8), nothing), 0xf088n],
      ["Or", b.or(int(0x1000), int(8), nothing), 0x1008n],
      ["Xor", b.xor(int(0x1008), int(0x1010), nothing), 0x18n],
      ["ShiftLeft", b.shiftLeft(one, int(12), nothing), 0x1000n],
      ["ShiftRight", b.shiftRight(int(0x8000), int(4), nothing), 0x800n],
    ] as const
  ) {
    assert.equal(low(expression), expected, title);
  }
});

test("logical operators yield Ones or Zero", () => {
  const yes = 0xfffffff8n;
  const select = (predicate: b.Aml) =>
    low(b.and(predicate, b.dword(0xfffffff8), nothing));
  for (
    const truth of [
      b.land(one, int(2)),
      b.lor(zero, one),
      b.lnot(zero),
      b.lequal(int(5), b.byte(5)),
      b.lgreater(int(5), int(4)),
      b.lless(int(4), int(5)),
    ]
  ) {
    assert.equal(select(truth), yes);
  }
  for (
    const lie of [
      b.land(one, zero),
      b.lor(zero, zero),
      b.lnot(int(7)),
      b.lequal(one, zero),
      b.lgreater(one, one),
      b.lless(one, one),
    ]
  ) {
    refused(() => select(lie), "acpi-address", /zero/);
  }
});

test("every encoding of an integer is read", () => {
  for (const encoded of [b.byte(0x10), b.word(0x10), b.dword(0x10)]) {
    assert.equal(low(encoded), 0x10n);
  }
  assert.equal(low(b.qword(0x10n)), 0x10n);
  assert.equal(low(b.shiftLeft(b.raw(0x5b, 0x30), int(3), nothing)), 0x10n);
});

test("integers wrap at 64 bits, and at 32 bits below revision 2", () => {
  const aml = (revision: number, expression: b.Aml) =>
    b.table(
      { revision },
      b.device("VGEN", cid, b.method("ADDR", 0, ...addrOf(expression))),
    );
  const wrap = b.add(ones, int(0x1009), nothing);
  assert.equal(find(aml(1, wrap))?.address, 0x1008n);
  assert.equal(find(aml(2, wrap))?.address, 0x1008n);
  const more = b.add(b.dword(0xffffffff), int(0x1009), nothing);
  assert.equal(find(aml(1, more))?.address, 0x1008n);
  refused(() => find(aml(2, more)), "acpi-address", /more than 32 bits/);
  assert.equal(find(aml(1, b.qword(0x7_0000_1008n)))?.address, 0x1008n);
});

test("the DSDT's revision sets the integer width for the SSDTs too", () => {
  const ssdt = b.table(
    { signature: "SSDT", revision: 2 },
    b.device(
      "VGEN",
      cid,
      b.method("ADDR", 0, ...addrOf(b.qword(0x7_0000_1008n))),
    ),
  );
  assert.equal(
    findVmGenId([b.table({ revision: 1 }), ssdt], noMemory)?.address,
    0x1008n,
  );
});

test("shifts by 64 bits or more leave nothing", () => {
  const shifted = (count: bigint) =>
    low(b.add(b.shiftLeft(one, b.qword(count), nothing), int(8), nothing));
  assert.equal(shifted(64n), 8n);
  assert.equal(shifted(0xffff_ffff_ffff_ffffn), 8n);
  assert.equal(
    low(b.add(b.shiftRight(ones, int(64), nothing), int(8), nothing)),
    8n,
  );
});

test("arithmetic agrees with BigInt for any 64-bit operands", () => {
  const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const mask = (value: bigint) => value & 0xfffffff8n;
  fc.assert(fc.property(word, word, (x, y) => {
    for (
      const [encode, compute] of [
        [b.add, x + y],
        [b.subtract, x - y],
        [b.multiply, x * y],
        [b.xor, x ^ y],
      ] as const
    ) {
      const expression = b.or(
        b.shiftLeft(one, int(4), nothing),
        b.and(
          encode(b.qword(x), b.qword(y), nothing),
          b.dword(0xfffffff8),
          nothing,
        ),
        nothing,
      );
      assert.equal(low(expression), mask(compute) | 16n);
    }
  }));
});

test("a target can be nothing, a Local, an Index or a Name", () => {
  const addr = [
    b.store(b.packageOf(2, zero, zero), local(0)),
    b.add(int(0x1000), int(8), local(1)),
    b.add(local(1), int(8), path("SUM")),
    b.add(path("SUM"), int(8), b.index(local(0), zero)),
    b.returns(local(0)),
  ];
  assert.equal(run(addr, b.name("SUM", zero)), 0x1018n);
});

test("Store yields its value", () => {
  assert.equal(low(b.store(int(0x1000), local(7))), 0x1000n);
});

test("If and Else run one block each, nested ones too", () => {
  const pick = (value: number) =>
    run([
      b.when(
        b.lequal(int(value), one),
        b.returns(b.packageOf(2, int(0x1000), zero)),
      ),
      b.otherwise(
        b.when(
          b.lequal(int(value), int(2)),
          b.noop,
          b.returns(b.packageOf(2, int(0x2000), zero)),
        ),
        b.otherwise(b.store(int(0x3000), local(2))),
      ),
      b.returns(b.packageOf(2, int(0x4000), zero)),
    ]);
  assert.equal(pick(1), 0x1000n);
  assert.equal(pick(2), 0x2000n);
  assert.equal(pick(3), 0x4000n);
});

test("an If without Else that is false runs nothing", () => {
  assert.equal(
    run([
      b.when(zero, b.returns(zero)),
      b.returns(b.packageOf(2, int(0x1000), zero)),
    ]),
    0x1000n,
  );
});

test("a store copies a package", () => {
  const addr = [
    b.store(b.packageOf(2, int(0x1000), zero), local(0)),
    b.store(local(0), local(1)),
    b.store(int(0x2000), b.index(local(1), zero)),
    b.returns(local(0)),
  ];
  assert.equal(run(addr), 0x1000n);
});

test("a package can hold packages", () => {
  const nested = b.packageOf(1, b.packageOf(2, one, zero));
  assert.equal(
    run([
      b.store(nested, local(0)),
      b.store(local(0), local(1)),
      b.returns(b.packageOf(2, int(0x1000), zero)),
    ]),
    0x1000n,
  );
});

test("a package can be named before it is filled, also by its own method", () => {
  const addr = [
    b.name("LPKG", b.packageOf(2, zero, zero)),
    b.store(int(0x1000), b.index(path("LPKG"), zero)),
    b.store(path("LPKG"), local(0)),
    b.store(b.packageOf(2, int(0x2000), zero), path("LPKG")),
    b.returns(local(0)),
  ];
  assert.equal(run(addr), 0x1000n);
});

test("a package element can be the name of an integer", () => {
  const aml = dsdt(
    [b.name("ADDR", b.packageOf(2, path("LOW"), zero))],
    b.name("LOW", int(0x1000)),
  );
  assert.equal(find(aml)?.address, 0x1000n);
});

test("a package element cannot be the name of anything else", () => {
  for (
    const target of [
      b.method("LOW", 0, b.returns(int(0x1000))),
      b.scope("\\"),
    ]
  ) {
    refused(
      () =>
        find(dsdt([b.name("ADDR", b.packageOf(2, path("LOW"), zero))], target)),
      "acpi-unsupported",
      /package element refers to LOW/,
    );
  }
});

test("a static package is copied for each search", () => {
  const aml = dsdt([
    b.name("PKG", b.packageOf(2, int(0x1000), zero)),
    b.method(
      "ADDR",
      0,
      b.when(
        b.lequal(path("ONCE"), zero),
        b.store(one, path("ONCE")),
        b.returns(path("PKG")),
      ),
      b.store(int(0x2000), b.index(path("PKG"), zero)),
      b.returns(path("PKG")),
    ),
    b.name("ONCE", zero),
  ]);
  assert.equal(find(aml)?.address, 0x1000n);
  assert.equal(find(aml)?.address, 0x1000n);
});

test("evaluation leaves the tables as they were", () => {
  const aml = dsdt([
    b.name("PKG", b.packageOf(2, zero, zero)),
    b.method(
      "ADDR",
      0,
      b.store(int(0x1000), b.index(path("PKG"), zero)),
      b.returns(path("PKG")),
    ),
  ]);
  const before = aml.slice();
  find(aml);
  assert.deepEqual(aml, before);
});

test("a method can call another that takes no arguments", () => {
  const help = b.method("HELP", 0, b.returns(int(0x1000)));
  assert.equal(low(path("HELP"), help), 0x1000n);
});

test("a package can have a computed number of elements", () => {
  const variable = b.join(
    b.raw(0x13),
    b.pkg(b.add(one, one, nothing), int(0x1000), zero),
  );
  assert.equal(run([b.returns(variable)]), 0x1000n);
});

const REJECTED: readonly (readonly [
  title: string,
  terms: readonly b.Aml[],
  code: Parameters<typeof refused>[1],
  reason: RegExp,
  before?: readonly b.Aml[],
])[] = [
  [
    "a Local that has no value",
    addrOf(local(3)),
    "acpi-evaluation",
    /Local3 has no value/,
  ],
  [
    "an argument",
    addrOf(b.arg(0)),
    "acpi-unsupported",
    /0x68 is not evaluated/,
  ],
  [
    "a name that is not declared",
    addrOf(path("GONE")),
    "acpi-evaluation",
    /GONE is not declared/,
  ],
  [
    "a name above the root",
    addrOf(path("^^^^GONE")),
    "acpi-evaluation",
    /\^\^\^\^GONE is not declared/,
  ],
  [
    "a name without a value",
    addrOf(path("\\_SB.VGEN")),
    "acpi-evaluation",
    /VGEN has no value/,
  ],
  [
    "an index out of range",
    [
      b.store(b.packageOf(2), local(0)),
      b.store(one, b.index(local(0), int(2))),
    ],
    "acpi-evaluation",
    /index 2 is out of range/,
  ],
  [
    "an index into something else than a package",
    [b.store(one, local(0)), b.store(one, b.index(local(0), zero))],
    "acpi-evaluation",
    /Cannot index an integer/,
  ],
  [
    "an index that keeps its reference",
    [
      b.store(b.packageOf(2), local(0)),
      b.store(one, b.join(b.raw(0x88), local(0), zero, local(1))),
    ],
    "acpi-unsupported",
    /Index stores its reference/,
  ],
  [
    "arithmetic on a string",
    addrOf(b.add(b.string("1"), one, nothing)),
    "acpi-evaluation",
    /Expected an integer, got a string/,
  ],
  [
    "arithmetic on a package",
    addrOf(b.add(one, b.packageOf(0), nothing)),
    "acpi-evaluation",
    /got a package/,
  ],
  [
    "arithmetic on a buffer",
    addrOf(b.add(b.buffer(b.raw(1)), one, nothing)),
    "acpi-evaluation",
    /got a buffer/,
  ],
  [
    "a method that takes arguments",
    addrOf(b.join(path("HELP"), one)),
    "acpi-unsupported",
    /HELP takes arguments/,
    [b.method("HELP", 1, b.returns(one))],
  ],
  [
    "a method that returns nothing",
    addrOf(path("HELP")),
    "acpi-evaluation",
    /HELP returns nothing/,
    [b.method("HELP", 0)],
  ],
  ...["_INI", "_REG", "_OSI", "_STA"].map((name) =>
    [
      `a call of ${name}`,
      addrOf(path(name)),
      "acpi-unsupported",
      new RegExp(`calls \\\\${name}`),
      [b.method(name, 0, b.returns(one))],
    ] as const
  ),
  [
    "a While loop",
    [b.loop(one, b.noop)],
    "acpi-unsupported",
    /0xa2 is not evaluated/,
  ],
  [
    "an Else without If",
    [b.otherwise(b.noop)],
    "acpi-unsupported",
    /0xa1 is not evaluated/,
  ],
  [
    "a Notify",
    [b.notify(path("\\_SB.VGEN"), int(0x80))],
    "acpi-unsupported",
    /0x86 is not evaluated/,
  ],
  [
    "an unknown opcode",
    [b.raw(0x02)],
    "acpi-unsupported",
    /0x2 is not evaluated/,
  ],
  [
    "a region declared in a method",
    [b.region("REG", 0, zero, one)],
    "acpi-unsupported",
    /0x5b80 is not evaluated/,
  ],
  [
    "a store to an argument",
    [b.store(one, b.arg(0))],
    "acpi-unsupported",
    /0x68 is no target/,
  ],
  [
    "a store to nothing",
    [b.store(one, nothing)],
    "acpi-unsupported",
    /0x0 is no target/,
  ],
  [
    "a store to a field",
    [b.store(one, path("FLD"))],
    "acpi-unsupported",
    /field \\FLD would not be free of side effects/,
    [
      b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(8)),
      b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
    ],
  ],
  [
    "an operator that targets a field",
    [b.add(one, one, path("FLD"))],
    "acpi-unsupported",
    /field \\FLD would not be free/,
    [
      b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(8)),
      b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
    ],
  ],
  [
    "a store that would convert",
    [b.store(one, path("TXT"))],
    "acpi-evaluation",
    /store an integer to TXT, which holds a string/,
    [b.name("TXT", b.string("1"))],
  ],
  [
    "a method that declares a path",
    [b.name("\\FOO", one)],
    "acpi-unsupported",
    /declares \\FOO/,
  ],
  [
    "more elements than NumElements",
    [b.returns(b.packageOf(1, one, one))],
    "acpi-malformed",
    /more elements than NumElements/,
  ],
  [
    "a package of 256 elements",
    [b.returns(b.join(b.raw(0x13), b.pkg(int(256))))],
    "acpi-limit",
    /255 elements/,
  ],
  [
    "a package of 2^64 - 1 elements",
    [b.returns(b.join(b.raw(0x13), b.pkg(ones)))],
    "acpi-limit",
    /255 elements/,
  ],
  [
    "a huge buffer",
    [b.returns(b.buffer(b.raw(), ones))],
    "acpi-limit",
    /buffer has more/,
  ],
  [
    "terms that nest deeper than 32",
    addrOf(nest(one, 32, b.lnot)),
    "acpi-limit",
    /nest deeper than 32/,
  ],
  [
    "blocks that nest deeper than 24",
    [nest(b.noop, 26, (inner) => b.when(one, inner))],
    "acpi-limit",
    /nest deeper than 24/,
  ],
  [
    "packages that nest deeper than 16",
    [b.returns(nest(b.packageOf(0), 16, (inner) => b.packageOf(1, inner)))],
    "acpi-limit",
    /nest deeper than 16/,
  ],
  [
    "more than 256 steps",
    Array.from({ length: 257 }, () => b.noop),
    "acpi-limit",
    /256 steps/,
  ],
  [
    "packages that grow by copying",
    [
      b.store(b.packageOf(2), local(0)),
      ...Array.from(
        { length: 20 },
        (_, i) => b.store(local(0), b.index(local(0), int(i & 1))),
      ),
    ],
    "acpi-limit",
    /256 steps/,
  ],
  [
    "a method that calls itself",
    addrOf(path("SELF")),
    "acpi-limit",
    /call deeper than 4/,
    [b.method("SELF", 0, b.returns(path("SELF")))],
  ],
  [
    "names that mean each other",
    [b.returns(path("PING"))],
    "acpi-limit",
    /nest deeper/,
    [
      b.name("PING", b.packageOf(1, path("PONG"))),
      b.name("PONG", b.packageOf(1, path("PING"))),
    ],
  ],
  [
    "a term that ends too early",
    [b.raw(0x70, 0x0c, 0x00)],
    "acpi-malformed",
    /bytes end/,
  ],
];

for (const [title, terms, code, reason, before] of REJECTED) {
  test(`evaluation refuses ${title}`, () => {
    refused(() => run(terms, ...(before ?? [])), code, reason);
  });
}

test("evaluation stays within its bounds up to the last step", () => {
  const pad = Array.from({ length: 240 }, () => b.noop);
  const addr = [...pad, b.returns(b.packageOf(2, int(0x1000), zero))];
  assert.equal(run(addr), 0x1000n);
});

test("an error names the table and the byte", () => {
  const aml = b.table(
    { signature: "SSDT" },
    b.device("VGEN", cid, b.method("ADDR", 0, b.returns(b.raw(0x02)))),
  );
  const error = refused(
    () =>
      findVmGenId([b.table({}), b.table({ signature: "SSDT" }), aml], noMemory),
    "acpi-unsupported",
    /0x2/,
  );
  assert.equal(error.table, "SSDT2");
  assert.equal(error.offset, aml.length - 1);
  assert.equal(error.name, "AcpiError");
  assert.equal(
    error.message,
    `Cannot use ACPI table SSDT2 at offset 0x${
      (aml.length - 1).toString(16)
    }: The opcode 0x2 is not evaluated`,
  );
});

test("a name with ^ in a method starts from the method", () => {
  const vgia = b.name("VGIA", int(0x1000));
  const addr = b.method("ADDR", 0, ...addrOf(path("^VGIA")));
  assert.equal(find(dsdt([vgia, addr]))?.address, 0x1000n);
});

test("a Name of the device hides the one outside", () => {
  const aml = dsdt(
    [b.name("VGIA", int(0x1000)), b.method("ADDR", 0, ...addrOf(path("VGIA")))],
    b.name("VGIA", int(0x2000)),
  );
  assert.equal(find(aml)?.address, 0x1000n);
  assert.equal(find(dsdt([goodAddr]))?.form, "name");
});
