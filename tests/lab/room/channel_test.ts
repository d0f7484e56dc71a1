import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type Block, Decoder } from "./channel.ts";

const encoder = new TextEncoder();

function encode(name: string, text: string): Uint8Array {
  const digest = createHash("sha256").update(text).digest("hex");
  const length = encoder.encode(text).length;
  return encoder.encode(`lab1 ${name} ${length} ${digest}\n${text}\n`);
}

function texts(blocks: readonly Block[]): string[] {
  return blocks.map(({ name, bytes }) =>
    `${name}=${new TextDecoder().decode(bytes)}`
  );
}

Deno.test("Decoder gives whole blocks however they arrive", () => {
  const stream = [...encode("a", "one"), ...encode("b", "two\nlab1 ")];
  for (let size = 1; size <= stream.length; size++) {
    const decoder = new Decoder();
    const blocks: Block[] = [];
    for (let at = 0; at < stream.length; at += size) {
      blocks.push(
        ...decoder.push(Uint8Array.from(stream.slice(at, at + size))),
      );
    }
    assert.deepEqual(texts(blocks), ["a=one", "b=two\nlab1 "]);
  }
});

Deno.test("Decoder skips the rest of a block that a snapshot cut", () => {
  const block = encode("a", "one");
  for (let cut = 1; cut < block.length; cut++) {
    const stream = [...block.subarray(cut), ...encode("b", "two")];
    const decoder = new Decoder();
    assert.deepEqual(texts(decoder.push(Uint8Array.from(stream))), ["b=two"]);
  }
});

Deno.test("Decoder skips a block whose content was changed", () => {
  const block = encode("a", "one");
  block[block.length - 2]! ^= 1;
  const stream = [...block, ...encode("b", "two")];
  assert.deepEqual(texts(new Decoder().push(Uint8Array.from(stream))), [
    "b=two",
  ]);
});
