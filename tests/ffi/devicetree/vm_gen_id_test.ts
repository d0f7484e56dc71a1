import assert from "node:assert/strict";
import { test } from "node:test";
import { findDeviceTreeVmGenId } from "../../../ffi/devicetree/mod.ts";
import { blob, cells, compiled, refused, text, type Tree } from "./helpers.ts";

const find = findDeviceTreeVmGenId;

const compatible = text("microsoft,vmgenid");
const oneCell = { "#address-cells": cells(1), "#size-cells": cells(1) };

/** A tree with a device of these properties at its root. */
const withDevice = (device: Tree, root: Tree = oneCell): Uint8Array =>
  blob({ ...root, vmgenid: { compatible, ...device } });

test("findDeviceTreeVmGenId() finds Firecracker's node on arm64", () => {
  assert.deepEqual(find(compiled("firecracker")), {
    path: "/vmgenid",
    address: 0x801ffff0n,
    length: 16n,
  });
});

test("findDeviceTreeVmGenId() finds the node of the kernel binding's example", () => {
  assert.deepEqual(find(compiled("binding")), {
    path: "/example-0/rng@80000000",
    address: 0x80000000n,
    length: 0x1000n,
  });
});

test("findDeviceTreeVmGenId() translates through the ranges of each bus, and passes over a disabled node", () => {
  assert.deepEqual(find(compiled("buses")), {
    path: "/soc/bus@40000000/generation@1100",
    address: 0x2_4000_2100n,
    length: 16n,
  });
});

test("findDeviceTreeVmGenId() takes two cells of an address and one of a size where the tree says nothing", () => {
  assert.equal(find(compiled("defaults"))!.address, 0x1_8000_1000n);
});

test("findDeviceTreeVmGenId() finds nothing where there is no such node", () => {
  assert.equal(find(compiled("none")), undefined);
});

test("The tests' own writer writes what dtc writes, as far as the reader looks", () => {
  const reg = cells(0x80000000, 0x1000);
  const tree = blob({
    ...oneCell,
    "example-0": {
      ...oneCell,
      ranges: cells(),
      "rng@80000000": { compatible, reg },
    },
  });
  assert.deepEqual(find(tree), find(compiled("binding")));
});

test("findDeviceTreeVmGenId() ignores what stands before and after the blob in its buffer", () => {
  const tree = compiled("buses");
  const buffer = new Uint8Array(tree.length + 300).fill(0xff);
  buffer.set(tree, 100);
  assert.deepEqual(find(buffer.subarray(100)), find(tree));
});

test("findDeviceTreeVmGenId() refuses several enabled nodes", () => {
  const device = { compatible, reg: cells(0x1000, 0x10) };
  const error = refused(
    () => find(blob({ ...oneCell, "a@1": device, "b@2": device })),
    "devicetree-ambiguous",
    /: \/a@1, \/b@2$/,
  );
  assert.ok(error.offset > 40);
  const many = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [`d${i}`, device]),
  );
  refused(
    () => find(blob({ ...oneCell, ...many })),
    "devicetree-ambiguous",
    /: \/d0, \/d1, \/d2 and others$/,
  );
});

test("findDeviceTreeVmGenId() refuses a device that is not to be used", () => {
  const reg = cells(0x1000, 0x10);
  for (const status of ["disabled", "reserved", "fail", "fail-x", ""]) {
    refused(
      () => find(withDevice({ reg, status: text(status) })),
      "devicetree-disabled",
      /status of \/vmgenid is not "okay"/,
    );
  }
  for (const status of ["okay", "ok"]) {
    assert.equal(
      find(withDevice({ reg, status: text(status) }))!.address,
      0x1000n,
    );
  }
});

test("findDeviceTreeVmGenId() refuses a reg that is missing, or no single region", () => {
  refused(() => find(withDevice({})), "devicetree-address", /has no "reg"/);
  refused(
    () => find(blob({ compatible })),
    "devicetree-address",
    /^\/ has no "reg"/,
  );
  for (const reg of [cells(), cells(1), cells(1, 2, 3, 4)]) {
    refused(
      () => find(withDevice({ reg })),
      "devicetree-address",
      /has \d+ bytes, where one region has 8$/,
    );
  }
});

test("findDeviceTreeVmGenId() refuses an address that cannot be right", () => {
  const wrong: [Uint8Array, RegExp][] = [
    [cells(0, 0, 0, 16), /is zero/],
    [cells(0, 0x1004, 0, 16), /not 8-byte aligned/],
    [cells(0, 0x1000, 0, 15), /less than 16 bytes/],
    [cells(0, 0x1000, 0, 0), /is empty/],
    [cells(0x100000, 0, 0, 16), /beyond 52 bits/],
    [cells(0xfffff, 0xfffffff8, 0, 16), /beyond 52 bits/],
    [cells(0xffffffff, 0xfffffff8, 0xffffffff, 0xffffffff), /beyond 52 bits/],
  ];
  const twoCells = { "#address-cells": cells(2), "#size-cells": cells(2) };
  for (const [reg, reason] of wrong) {
    refused(
      () => find(withDevice({ reg }, twoCells)),
      "devicetree-address",
      reason,
    );
  }
});

test("findDeviceTreeVmGenId() refuses cells that memory does not have", () => {
  const reg = cells(0x1000, 0x10);
  for (const count of [0, 3, 0xffffffff]) {
    for (const name of ["#address-cells", "#size-cells"]) {
      refused(
        () => find(withDevice({ reg }, { ...oneCell, [name]: cells(count) })),
        "devicetree-unsupported",
        /where memory has 1 or 2/,
      );
    }
  }
  refused(
    () => find(withDevice({ reg }, { ...oneCell, "#size-cells": cells(1, 1) })),
    "devicetree-malformed",
    /no single cell/,
  );
});

/** A tree with the device on a bus of these properties. */
const onBus = (bus: Tree): Uint8Array =>
  blob({
    ...oneCell,
    bus: {
      ...oneCell,
      ...bus,
      vmgenid: { compatible, reg: cells(0x1000, 0x10) },
    },
  });

test("findDeviceTreeVmGenId() finds the range that holds the whole region", () => {
  const ranges = cells(0, 0x50000, 0x1000, 0x1000, 0x80000, 0x10);
  assert.equal(find(onBus({ ranges }))!.address, 0x80000n);
});

test("findDeviceTreeVmGenId() refuses a bus that the CPU does not see through", () => {
  refused(() => find(onBus({})), "devicetree-address", /\/bus has no "ranges"/);
  for (
    const ranges of [
      cells(0x1000, 0x80000, 0x0f), // too short by a byte
      cells(0x1008, 0x80000, 0x1000), // begins too late
      cells(0x2000, 0x80000, 0x1000),
    ]
  ) {
    refused(
      () => find(onBus({ ranges })),
      "devicetree-address",
      /No "ranges" of \/bus hold 0x1000/,
    );
  }
});

test("findDeviceTreeVmGenId() refuses ranges that are no whole entries, or too many", () => {
  refused(
    () => find(onBus({ ranges: cells(0, 0) })),
    "devicetree-malformed",
    /whole entries/,
  );
  refused(
    () => find(onBus({ ranges: new Uint8Array(257 * 12) })),
    "devicetree-limit",
    /more than 256 entries/,
  );
});

test("findDeviceTreeVmGenId() shows no character of a name that a terminal could act on", () => {
  const device = { compatible };
  refused(
    () => find(blob({ ...oneCell, "\x1b[2J": device })),
    "devicetree-address",
    /^\/\?\[2J has no "reg"$/,
  );
});
