import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AcpiError, findVmGenId } from "../../../ffi/acpi/mod.ts";
import * as b from "./aml_builder.ts";
import { machine, type Read } from "./forms.ts";
import { addrOf, dsdt, refused } from "./helpers.ts";

const { int, path, zero } = b;

/** Memory whose byte at each address is the address's own low byte. */
const counting = new Map(
  Array.from({ length: 0x2000 }, (_, i) => [BigInt(i), i & 0xff]),
);

interface FieldCase {
  readonly base?: b.Aml;
  readonly length?: b.Aml;
  readonly space?: number;
  readonly access?: number;
  /** Bits before the field, and its own. */
  readonly at?: number;
  readonly width?: number;
}

/** The value of a field, shifted so that it makes an address; and the reads. */
function readField(options: FieldCase): { value: bigint; reads: Read[] } {
  const { at = 0, width = 32 } = options;
  const field = b.field(
    "REG",
    options.access ?? b.ANY_ACCESS,
    ...(at > 0 ? [b.reserved(at)] : []),
    b.bits("FLD", width),
  );
  const halves = addrOf(
    b.or(b.shiftLeft(path("FLD"), int(4), b.nothing), int(8), b.nothing),
  );
  const aml = dsdt(
    [b.method("ADDR", 0, ...halves)],
    b.region(
      "REG",
      options.space ?? b.SYSTEM_MEMORY,
      options.base ?? int(0x1000),
      options.length ?? int(0x20),
    ),
    field,
  );
  const { reads, readPhysical } = machine(counting);
  const address = findVmGenId([aml], readPhysical)!.address;
  return { value: address >> 4n, reads };
}

const reads = (width: number, ...addresses: number[]): Read[] =>
  addresses.map((address) => ({ address: BigInt(address), width }));

test("an aligned field is one read of its width", () => {
  for (const access of [b.ANY_ACCESS, b.BYTE_ACCESS]) {
    assert.deepEqual(readField({ access, at: 8, width: 8 }), {
      value: 0x01n,
      reads: reads(1, 0x1001),
    });
    assert.deepEqual(readField({ access, at: 16, width: 16 }), {
      value: 0x0302n,
      reads: reads(2, 0x1002),
    });
  }
});

test("a 64-bit field is one read", () => {
  const aml = dsdt(
    [b.method(
      "ADDR",
      0,
      ...addrOf(b.and(path("FLD"), b.dword(0xfffffff8), b.nothing)),
    )],
    b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(8)),
    b.field("REG", b.ANY_ACCESS, b.bits("FLD", 64)),
  );
  const memory = machine(counting);
  assert.equal(findVmGenId([aml], memory.readPhysical)?.address, 0x03020100n);
  assert.deepEqual(memory.reads, reads(8, 0x1000));
});

test("an unaligned field is read byte by byte", () => {
  assert.deepEqual(readField({ base: int(0x1001), width: 16 }), {
    value: 0x0201n,
    reads: reads(1, 0x1001, 0x1002),
  });
});

test("word and dword access read whole units, within the region", () => {
  const { WORD_ACCESS: word, DWORD_ACCESS: dword, QWORD_ACCESS: qword } = b;
  assert.deepEqual(readField({ access: dword, at: 16, width: 8 }), {
    value: 0x02n,
    reads: reads(4, 0x1000),
  });
  assert.deepEqual(readField({ access: word, at: 8, width: 16 }), {
    value: 0x0201n,
    reads: reads(2, 0x1000, 0x1002),
  });
  assert.deepEqual(readField({ access: qword, at: 32, width: 16 }), {
    value: 0x0504n,
    reads: reads(8, 0x1000),
  });
});

test("a field may end where its region ends", () => {
  assert.deepEqual(
    readField({ length: int(2), at: 8, width: 8 }).reads,
    reads(1, 0x1001),
  );
});

test("a region's base and length can be expressions", () => {
  const base = b.add(int(0xff0), int(0x10), b.nothing);
  assert.deepEqual(readField({ base, width: 16 }).reads, reads(2, 0x1000));
});

const REFUSED: readonly (readonly [
  string,
  FieldCase,
  Parameters<typeof refused>[1],
  RegExp,
])[] = [
  [
    "a region in SystemIO",
    { space: b.SYSTEM_IO },
    "acpi-unsupported",
    /REG is not in SystemMemory/,
  ],
  [
    "a region in PCI_Config",
    { space: 2 },
    "acpi-unsupported",
    /REG is not in SystemMemory/,
  ],
  [
    "a region of length 0",
    { length: zero },
    "acpi-address",
    /no range of physical memory/,
  ],
  [
    "a region beyond 52 bits",
    { base: b.qword((1n << 52n) - 0x10n) },
    "acpi-address",
    /no range of physical memory/,
  ],
  [
    "a region that wraps around",
    { base: b.ones, length: b.ones },
    "acpi-address",
    /no range of physical memory/,
  ],
  [
    "a field outside its region",
    { length: int(4), at: 8 },
    "acpi-unsupported",
    /FLD lies outside its region/,
  ],
  [
    "a field far outside its region",
    { at: 0xffff8 },
    "acpi-unsupported",
    /FLD lies outside its region/,
  ],
  [
    "a field that starts within a byte",
    { at: 4 },
    "acpi-unsupported",
    /not 1, 2, 4 or 8 whole bytes/,
  ],
  [
    "a field that ends within a byte",
    { width: 12 },
    "acpi-unsupported",
    /not 1, 2, 4 or 8 whole bytes/,
  ],
  [
    "a field of three bytes",
    { width: 24 },
    "acpi-unsupported",
    /not 1, 2, 4 or 8 whole bytes/,
  ],
  [
    "a field of no bits",
    { width: 0 },
    "acpi-unsupported",
    /not 1, 2, 4 or 8 whole bytes/,
  ],
  [
    "a field beyond the integer width",
    { width: 256 },
    "acpi-unsupported",
    /FLD is no integer/,
  ],
  [
    "an access unit beyond the region",
    { access: b.DWORD_ACCESS, length: int(2), width: 8 },
    "acpi-unsupported",
    /4-byte reads beyond its region/,
  ],
  [
    "an unaligned access unit",
    { access: b.DWORD_ACCESS, base: int(0x1002) },
    "acpi-unsupported",
    /unaligned 4-byte reads/,
  ],
  [
    "buffer access",
    { access: b.BUFFER_ACCESS },
    "acpi-unsupported",
    /access type/,
  ],
  ["a reserved access type", { access: 9 }, "acpi-unsupported", /access type/],
  [
    "a base that is no integer",
    { base: b.string("x") },
    "acpi-evaluation",
    /Expected an integer/,
  ],
  [
    "a base that uses a Local",
    { base: b.local(0) },
    "acpi-evaluation",
    /Local0 has no value/,
  ],
];

for (const [title, options, code, reason] of REFUSED) {
  test(`findVmGenId() refuses ${title}, and reads nothing`, () => {
    let called = 0;
    const aml = dsdt(
      [b.method("ADDR", 0, ...addrOf(path("FLD")))],
      b.region(
        "REG",
        options.space ?? b.SYSTEM_MEMORY,
        options.base ?? int(0x1000),
        options.length ?? int(0x20),
      ),
      b.field(
        "REG",
        options.access ?? b.ANY_ACCESS,
        ...(options.at ? [b.reserved(options.at)] : []),
        b.bits("FLD", options.width ?? 32),
      ),
    );
    refused(
      () =>
        findVmGenId([aml], () => {
          called++;
          return 0x1000n;
        }),
      code,
      reason,
    );
    assert.equal(called, 0);
  });
}

test("a field of something that is no region is refused", () => {
  for (const before of [[], [b.name("REG", b.one)]]) {
    refused(
      () =>
        findVmGenId([dsdt(
          [b.method("ADDR", 0, ...addrOf(path("FLD")))],
          ...before,
          b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
        )], machine(counting).readPhysical),
      "acpi-evaluation",
      /FLD has no region/,
    );
  }
});

test("a field of an IndexField is refused", () => {
  refused(
    () =>
      findVmGenId([dsdt(
        [b.method("ADDR", 0, ...addrOf(path("IDX")))],
        b.join(
          b.hex("5b 86"),
          b.pkg(path("AAA"), path("BBB"), b.raw(0), b.bits("IDX", 32)),
        ),
      )], machine(counting).readPhysical),
    "acpi-evaluation",
    /IDX has no value/,
  );
});

/** Regions R0, R1, ... each based on a field of the one before. */
function chain(length: number): b.Aml[] {
  return Array.from({ length }, (_, i) =>
    b.join(
      b.region(
        `R${i}`,
        b.SYSTEM_MEMORY,
        i === 0 ? int(0x1000) : path(`F${i - 1}`),
        int(8),
      ),
      b.field(`R${i}`, b.ANY_ACCESS, b.bits(`F${i}`, 32)),
    ));
}

test("regions can depend on each other up to a bound", () => {
  const aml = (length: number) =>
    dsdt(
      [b.method("ADDR", 0, ...addrOf(path(`F${length - 1}`)))],
      ...chain(length),
    );
  assert.equal(findVmGenId([aml(4)], () => 0x1000n)?.address, 0x1000n);
  refused(
    () => findVmGenId([aml(5)], () => 0x1000n),
    "acpi-limit",
    /depend on each other deeper than 4/,
  );
});

test("a region that depends on itself is refused", () => {
  refused(
    () =>
      findVmGenId([dsdt(
        [b.method("ADDR", 0, ...addrOf(path("FLD")))],
        b.region("REG", b.SYSTEM_MEMORY, path("FLD"), int(8)),
        b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
      )], () => 0x1000n),
    "acpi-limit",
    /depend on each other deeper than 4/,
  );
});

test("no search reads more than 16 times, _STA and ADDR together", () => {
  const search = (inSta: number, inAddr: number) => {
    let calls = 0;
    const touch = b.store(path("FLD"), b.local(1));
    const times = (count: number) => Array.from({ length: count }, () => touch);
    const aml = dsdt(
      [
        b.method("_STA", 0, ...times(inSta), b.returns(int(15))),
        b.method("ADDR", 0, ...times(inAddr), ...addrOf(int(0x1000))),
      ],
      b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(8)),
      b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
    );
    const find = () => findVmGenId([aml], () => BigInt(calls++));
    return { find, calls: () => calls };
  };
  const most = search(7, 9);
  assert.equal(most.find()?.regionReads.length, 16);
  const tooMany = search(7, 10);
  refused(tooMany.find, "acpi-limit", /more than 16 physical reads/);
  assert.equal(tooMany.calls(), 16);
});

test("what readPhysical throws passes through unchanged", () => {
  const refusal = new RangeError("System RAM");
  const inHid = b.table(
    {},
    b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(8)),
    b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
    b.device(
      "VGEN",
      b.name("_CID", b.string("VM_Gen_Counter")),
      b.method("_HID", 0, b.returns(path("FLD"))),
      b.name("ADDR", b.packageOf(2, int(8), zero)),
    ),
  );
  const inAddr = dsdt(
    [b.method("ADDR", 0, ...addrOf(path("FLD")))],
    b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(8)),
    b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
  );
  for (const aml of [inHid, inAddr]) {
    assert.throws(
      () =>
        findVmGenId([aml], () => {
          throw refusal;
        }),
      (error) => error === refusal,
    );
  }
});

test("a byte wider than the read is cut before the bytes are joined", () => {
  const aml = dsdt(
    [b.method("ADDR", 0, ...addrOf(path("FLD")))],
    b.region("REG", b.SYSTEM_MEMORY, int(0x1001), int(8)),
    b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
  );
  const readPhysical = (address: bigint) => address === 0x1002n ? 0n : 0x708n;
  assert.equal(findVmGenId([aml], readPhysical)?.address, 0x08080008n);
});

test("a value wider than the read is cut", () => {
  const aml = dsdt(
    [b.method("ADDR", 0, ...addrOf(path("FLD")))],
    b.region("REG", b.SYSTEM_MEMORY, int(0x1000), int(8)),
    b.field("REG", b.ANY_ACCESS, b.bits("FLD", 32)),
  );
  assert.equal(findVmGenId([aml], () => 0x7_0000_1000n)?.address, 0x1000n);
});

test("no read leaves its region, whatever the region and the field", () => {
  const shape = fc.record({
    base: fc.integer({ min: 0, max: 64 }),
    length: fc.integer({ min: 0, max: 32 }),
    access: fc.integer({ min: 0, max: 6 }),
    at: fc.integer({ min: 0, max: 24 }),
    width: fc.constantFrom(8, 16, 32, 64, 12),
  });
  let read = 0;
  fc.assert(
    fc.property(shape, ({ base, length, access, at, width }) => {
      const before = [
        b.region("REG", b.SYSTEM_MEMORY, int(0x1000 + base), int(length)),
        b.field("REG", access, b.reserved(8 * at), b.bits("FLD", width)),
      ];
      const addr = b.method("ADDR", 0, ...addrOf(path("FLD")));
      const { reads, readPhysical } = machine(counting);
      try {
        findVmGenId([dsdt([addr], ...before)], readPhysical);
      } catch (error) {
        assert(error instanceof AcpiError);
      }
      const first = BigInt(0x1000 + base);
      for (const { address, width } of reads) {
        read++;
        assert(address >= first);
        assert(address + BigInt(width) <= first + BigInt(length));
        assert.equal(address % BigInt(width), 0n);
      }
    }),
    { numRuns: 1_000 },
  );
  assert(read > 100);
});
