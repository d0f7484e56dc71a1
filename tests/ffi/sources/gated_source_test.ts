import assert from "node:assert/strict";
import { test } from "node:test";
import type { GenerationSource } from "../../../crng/mod.ts";
import { LocalGate } from "../../../ffi/gate.ts";
import { GatedSource } from "../../../ffi/sources/gated_source.ts";

function gated(counts: { own: number }): [GatedSource, LocalGate] {
  const source: GenerationSource = {
    name: "own",
    timely: true,
    generation: () => counts.own,
    uniqueId: () => 0,
    changed: () => Promise.resolve(counts.own),
  };
  const gate = new LocalGate();
  return [new GatedSource(source, gate), gate];
}

test("GatedSource grows whenever its source or the gate changes, and is 0 while either is", () => {
  const counts = { own: 5 };
  const [source, gate] = gated(counts);
  const first = source.generation();
  assert.ok(first > 0);
  assert.equal(source.generation(), first);
  counts.own = 6;
  assert.equal(source.generation(), first + 1);
  assert.equal(source.changedBy(first, first + 1), "own");
  gate.hold();
  assert.equal(source.generation(), 0);
  assert.equal(source.quiesced(), true);
  gate.letGo();
  assert.equal(source.generation(), first + 2);
  assert.equal(source.changedBy(first + 1, first + 2), "resume");
  assert.equal(source.changedBy(first, first + 2), "own+resume");
  counts.own = 0;
  assert.equal(source.generation(), 0);
  assert.equal(source.quiesced(), false);
});

test("GatedSource does not take two changes for none, where its source goes back while the gate goes on", () => {
  const counts = { own: 5 };
  const [source, gate] = gated(counts);
  const first = source.generation();
  gate.hold();
  counts.own = 4;
  gate.letGo();
  assert.equal(source.generation(), first + 1);
  assert.equal(source.changedBy(first, first + 1), "own");
});

test("GatedSource tells a resume from a fork that was there before its first count", () => {
  const counts = { own: 5 };
  const [source, gate] = gated(counts);
  counts.own = 6;
  const first = source.generation();
  gate.hold();
  gate.letGo();
  assert.equal(source.generation(), first + 1);
  assert.equal(source.changedBy(first, first + 1), "resume");
});

test("GatedSource does not rule out its source where it does not remember", () => {
  const [source, gate] = gated({ own: 5 });
  const first = source.generation();
  for (let i = 1; i <= 6; i++) {
    gate.hold();
    gate.letGo();
    assert.equal(source.generation(), first + i);
  }
  assert.match(source.changedBy(first, first + 6), /^resume(\+resume)*$/);
  assert.equal(source.changedBy(first - 1, first + 6), "own");
});
