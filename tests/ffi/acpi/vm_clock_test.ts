import assert from "node:assert/strict";
import { test } from "node:test";
import { findVmClock, type VmClockDevice } from "../../../ffi/acpi/mod.ts";
import * as b from "./aml_builder.ts";
import { noMemory, refused } from "./helpers.ts";

const END_TAG = b.hex("79 00");
const IRQ = b.hex("22 08 00");

function little(width: number, ...values: readonly (number | bigint)[]): b.Aml {
  return b.join(...values.map((value) =>
    Uint8Array.from(
      { length: width },
      (_, i) => Number(BigInt(value) >> BigInt(8 * i) & 0xffn),
    )
  ));
}

function large(tag: number, ...data: readonly b.Aml[]): b.Aml {
  const body = b.join(...data);
  return b.join(b.raw(tag), little(2, body.length), body);
}

const memory32 = (min: number, max: number, length: number) =>
  large(0x85, b.raw(1), little(4, min, max, 0, length));
const memory32Fixed = (address: number, length: number) =>
  large(0x86, b.raw(1), little(4, address, length));

/** Granularity, minimum, maximum, translation, length; type 0 is memory. */
function space(
  tag: number,
  minimum: number | bigint,
  maximum: number | bigint,
  length: number | bigint,
  options: { readonly type?: number; readonly translation?: number } = {},
): b.Aml {
  const width = tag === 0x87 ? 4 : 8;
  const head = b.raw(options.type ?? 0, 0x0c, 0x01);
  return large(
    tag,
    tag === 0x8b ? b.join(head, b.raw(1, 0)) : head,
    little(width, 0, minimum, maximum, options.translation ?? 0, length),
    tag === 0x8b ? little(8, 0) : b.raw(),
  );
}

const cid = b.name("_CID", b.string("VMCLOCK"));
const hid = b.name("_HID", b.string("AMZNC10C"));

function clock(...terms: readonly b.Aml[]): b.Aml {
  return b.table({}, b.device("_SB.VCLK", ...terms));
}

function find(aml: Uint8Array): VmClockDevice | undefined {
  return findVmClock([aml], noMemory);
}

function findCrs(...descriptors: readonly b.Aml[]): VmClockDevice | undefined {
  const crs = b.name("_CRS", b.buffer(b.join(...descriptors)));
  return find(clock(hid, cid, crs));
}

test("findVmClock() resolves Firecracker's QWord memory", () => {
  const crs = b.buffer(
    b.join(space(0x8a, 0xde000, 0xdefff, 0x1000), END_TAG),
  );
  const aml = b.table(
    { oemId: "FIRECK", oemTableId: "FCVMDSDT" },
    b.device(
      "_SB.VCLK",
      hid,
      cid,
      b.method("_STA", 0, b.returns(b.byte(0x0f))),
      b.name("_CRS", crs),
    ),
    b.device(
      "_SB.GED",
      b.method(
        "_EVT",
        9,
        b.when(
          b.lequal(b.arg(0), b.byte(6)),
          b.notify(b.path("\\_SB.VCLK"), b.byte(0x80)),
        ),
      ),
    ),
  );
  assert.deepEqual(find(aml), {
    path: "\\_SB.VCLK",
    hid: "AMZNC10C",
    address: 0xde000n,
    length: 0x1000n,
    notifiedBy: "\\_SB.GED._EVT",
  });
});

test("findVmClock() reads every memory descriptor", () => {
  for (
    const descriptor of [
      memory32Fixed(0xfeffb000, 0x1000),
      memory32(0xfeffb000, 0xfeffb000, 0x1000),
      space(0x87, 0xfeffb000, 0xfeffbfff, 0x1000),
      space(0x8a, 0xfeffb000, 0xfeffbfff, 0x1000),
      space(0x8b, 0xfeffb000, 0xfeffbfff, 0x1000),
    ]
  ) {
    const found = findCrs(IRQ, descriptor, IRQ, END_TAG);
    assert.equal(found?.address, 0xfeffb000n);
    assert.equal(found?.length, 0x1000n);
  }
});

test("findVmClock() reads addresses above 4 GiB", () => {
  const range = space(0x8a, 0xf_ffff_ffff_f000n, 0xf_ffff_ffff_ffffn, 0x1000);
  assert.equal(findCrs(range, END_TAG)?.address, 0xf_ffff_ffff_f000n);
});

test("findVmClock() passes over address spaces that are no memory", () => {
  const io = space(0x87, 0x100, 0x1ff, 0x100, { type: 1 });
  const found = findCrs(io, memory32Fixed(0x1000, 0x70), END_TAG);
  assert.equal(found?.length, 0x70n);
});

test("findVmClock() evaluates a _CRS method", () => {
  const template = b.join(memory32Fixed(0x1000, 0x1000), END_TAG);
  const crs = b.method(
    "_CRS",
    8,
    b.name("RBUF", b.buffer(template, b.byte(template.length + 4))),
    b.returns(b.path("RBUF")),
  );
  assert.equal(find(clock(cid, crs))?.address, 0x1000n);
});

test("a buffer is filled with zeros up to its size", () => {
  const crs = (size: number) =>
    b.name("_CRS", b.buffer(b.hex("86 09 00 01"), b.byte(size)));
  refused(() => find(clock(cid, crs(4))), "acpi-address", /past the end/);
  refused(() => find(clock(cid, crs(12))), "acpi-address", /no End Tag/);
});

test("findVmClock() matches _CID in any case, or else _HID AMZNC10C", () => {
  const crs = b.name(
    "_CRS",
    b.buffer(b.join(memory32Fixed(0x1000, 0x1000), END_TAG)),
  );
  const lower = b.name("_CID", b.string("vmclock"));
  assert.equal(find(clock(lower, crs))?.hid, "");
  assert.equal(find(clock(hid, crs))?.hid, "AMZNC10C");
  assert.equal(find(clock(crs)), undefined);
});

test("findVmClock() is not misled by an OEM table ID", () => {
  assert.equal(find(b.table({ oemTableId: "VMCLOCK" })), undefined);
});

test("findVmClock() refuses a disabled and an incomplete device", () => {
  refused(
    () => find(clock(cid, b.name("_STA", b.zero))),
    "acpi-disabled",
    /VCLK is absent or disabled/,
  );
  refused(() => find(clock(cid)), "acpi-evaluation", /has no _CRS/);
  refused(
    () => find(clock(cid, b.name("_CRS", b.one))),
    "acpi-address",
    /_CRS is no buffer/,
  );
});

const fixed = memory32Fixed(0x1000, 0x1000);

const REFUSED: readonly (readonly [string, readonly b.Aml[], RegExp])[] = [
  ["no bytes", [], /no End Tag/],
  ["no End Tag", [fixed], /no End Tag/],
  ["no memory range", [IRQ, END_TAG], /0 memory ranges/],
  ["two memory ranges", [fixed, fixed, END_TAG], /2 memory ranges/],
  ["a large descriptor past the end", [b.hex("86 09 00 01")], /past the end/],
  ["a large descriptor without length", [b.hex("86")], /past the end/],
  ["a small descriptor past the end", [b.hex("22 08")], /past the end/],
  ["a short Memory32Fixed", [large(0x86, b.raw(1)), END_TAG], /too short/],
  ["a short Memory32", [large(0x85, b.raw(1)), END_TAG], /too short/],
  ["a short QWord", [large(0x8a, b.raw(0)), END_TAG], /too short/],
  [
    "a movable Memory32",
    [memory32(0x1000, 0x2000, 0x1000), END_TAG],
    /no fixed address/,
  ],
  [
    "a movable QWord",
    [space(0x8a, 0x1000, 0x2fff, 0x1000), END_TAG],
    /no fixed address/,
  ],
  [
    "a translation",
    [space(0x8a, 0x1000, 0x1fff, 0x1000, { translation: 1 }), END_TAG],
    /translates/,
  ],
  ["address zero", [memory32Fixed(0, 0x1000), END_TAG], /is zero/],
  ["an unaligned address", [memory32Fixed(0x1008, 0x1000), END_TAG], /page/],
  ["a short range", [memory32Fixed(0x1000, 0x6f), END_TAG], /less than 112/],
  [
    "a range beyond 52 bits",
    [
      space(0x8a, 0xf_ffff_ffff_f000n, 0x10_0000_0000_0fffn, 0x2000),
      END_TAG,
    ],
    /beyond 52 bits/,
  ],
];

for (const [title, descriptors, reason] of REFUSED) {
  test(`findVmClock() refuses a _CRS with ${title}`, () => {
    refused(() => findCrs(...descriptors), "acpi-address", reason);
  });
}
