import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DeviceTreeError,
  findDeviceTreeVmGenId,
} from "../../../ffi/devicetree/mod.ts";
import {
  blob,
  cells,
  compiled,
  ofTokens,
  refused,
  text,
  type Tree,
} from "./helpers.ts";

const find = findDeviceTreeVmGenId;
const BLOBS = ["firecracker", "binding", "buses", "defaults", "none"];

/** A blob with one word of its header replaced. */
function withWord(offset: number, value: number): Uint8Array {
  const bytes = compiled("binding");
  new DataView(bytes.buffer).setUint32(offset, value);
  return bytes;
}

test("The device tree's header must be whole, with magic, size and version", () => {
  const size = compiled("binding").length;
  const malformed = (bytes: Uint8Array, reason: RegExp): void =>
    void refused(() => find(bytes), "devicetree-malformed", reason);
  malformed(new Uint8Array(0), /40 bytes, not 0/);
  malformed(new Uint8Array(40), /magic is missing/);
  malformed(withWord(4, 39), /says that it has 39 bytes/);
  malformed(withWord(4, size + 1), /says that it has/);
  refused(
    () => find(withWord(4, (1 << 20) + 1)),
    "devicetree-limit",
    /more than 1048576 bytes/,
  );
  refused(
    () => find(withWord(20, 16)),
    "devicetree-unsupported",
    /version 16, compatible with 16, not 17/,
  );
  refused(
    () => find(withWord(24, 18)),
    "devicetree-unsupported",
    /compatible with 18/,
  );
});

test("The device tree's blocks must lie inside the blob, the structure on a word", () => {
  for (
    const [offset, value] of [
      [8, 0],
      [8, 0xfffffffc],
      [12, 39],
      [12, 0xffffffff],
      [32, 0xffffffff],
      [36, 0xffffffff],
    ] as const
  ) {
    refused(
      () => find(withWord(offset, value)),
      "devicetree-malformed",
      /lies outside the blob/,
    );
  }
  refused(
    () => find(withWord(8, 42)),
    "devicetree-malformed",
    /not 4-byte aligned/,
  );
});

const ROOT = [...cells(1), 0, 0, 0, 0];

test("The structure block must be a tree", () => {
  const wrong: [readonly number[], RegExp][] = [
    [[], /ends in the middle/],
    [[0, 0, 0], /ends in the middle/],
    [[...cells(9)], /has no root/],
    [[...cells(2)], /outside of all nodes/],
    [[...cells(3, 0, 0)], /outside of all nodes/],
    [[...cells(7)], /no such token/],
    [[...ROOT, ...cells(9)], /ends within \/$/],
    [[...ROOT, ...cells(2)], /ends in the middle/],
    [[...ROOT, ...cells(2), ...ROOT], /second node stands at the root/],
    [[...ROOT, ...ROOT, ...cells(2, 3, 0, 0)], /property follows a node/],
    [[...ROOT, ...cells(3, 0xffffffff, 0)], /ends in the middle/],
    [[...ROOT, ...cells(3, 5, 0, 0)], /ends in the middle/],
    [[...ROOT, ...cells(3, 0, 99)], /lies outside the strings/],
    [[...cells(1), 65, 65, 65, 65], /A name has no end/],
  ];
  for (const [structure, reason] of wrong) {
    refused(
      () => find(ofTokens(structure, ["reg"])),
      "devicetree-malformed",
      reason,
    );
  }
});

test("The structure block may hold NOPs", () => {
  const structure = [...cells(4), ...ROOT, ...cells(4, 2, 4, 9)];
  assert.equal(find(ofTokens(structure)), undefined);
});

test("A property that decides must not stand twice in a node", () => {
  const structure = [...ROOT, ...cells(3, 0, 0, 3, 0, 0, 2, 9)];
  refused(
    () => find(ofTokens(structure, ["reg"])),
    "devicetree-malformed",
    /\/ has "reg" twice/,
  );
});

test("A property's name must end inside the strings block", () => {
  const bytes = ofTokens([...ROOT, ...cells(3, 0, 0, 2, 9)], ["reg"]);
  bytes[bytes.length - 1] = 0x67;
  refused(() => find(bytes), "devicetree-malformed", /A name has no end/);
});

/** So many nodes in each other. */
function nested(depth: number): Tree {
  let tree: Tree = {};
  for (let i = 0; i < depth; i++) tree = { n: tree };
  return tree;
}

test("Nodes may nest 64 deep, and a name may have 255 characters", () => {
  assert.equal(find(blob(nested(64))), undefined);
  refused(() => find(blob(nested(65))), "devicetree-limit", /deeper than 64/);
  assert.equal(find(blob({ ["n".repeat(255)]: {} })), undefined);
  refused(
    () => find(blob({ ["n".repeat(256)]: {} })),
    "devicetree-limit",
    /more than 255 characters/,
  );
  refused(
    () => find(blob({ ["p".repeat(256)]: text("") })),
    "devicetree-limit",
    /more than 255 characters/,
  );
});

test("A tree may have 65,536 nodes", () => {
  const tree = (count: number): Uint8Array => {
    const node = [...ROOT, ...cells(2)];
    const structure = [...ROOT];
    for (let i = 1; i < count; i++) structure.push(...node);
    return ofTokens([...structure, ...cells(2, 9)]);
  };
  assert.equal(find(tree(65_536)), undefined);
  refused(
    () => find(tree(65_537)),
    "devicetree-limit",
    /more than 65536 nodes/,
  );
});

/** An answer or a DeviceTreeError, never another exception. */
function survives(bytes: Uint8Array): void {
  try {
    find(bytes);
  } catch (error) {
    assert(error instanceof DeviceTreeError, String(error));
    assert.ok(error.offset >= 0 && error.offset <= bytes.length + 4);
  }
}

test("Any beginning of a blob gives an answer or a DeviceTreeError", () => {
  for (const name of BLOBS) {
    const bytes = compiled(name);
    for (let length = 0; length < bytes.length; length++) {
      survives(bytes.subarray(0, length));
    }
  }
});

test("Any one changed byte gives an answer or a DeviceTreeError", () => {
  for (const name of BLOBS) {
    const bytes = compiled(name);
    for (let i = 0; i < bytes.length; i++) {
      const original = bytes[i]!;
      for (const value of [0, 1, 2, 3, 9, 0x7f, 0x80, 0xff, original ^ 1]) {
        bytes[i] = value;
        survives(bytes);
      }
      bytes[i] = original;
    }
  }
});

test("Many words changed at random give an answer or a DeviceTreeError", () => {
  let state = 1;
  const below = (limit: number): number => {
    state = Math.imul(state, 1664525) + 1013904223 | 0; // a fixed sequence, so that a failure repeats
    return (state >>> 8) % limit;
  };
  for (const name of BLOBS) {
    const original = compiled(name);
    for (let round = 0; round < 5000; round++) {
      const bytes = original.slice();
      const view = new DataView(bytes.buffer);
      for (let i = below(4); i >= 0; i--) {
        view.setUint32(4 * below(bytes.length >> 2), below(12));
      }
      survives(bytes);
    }
  }
});
