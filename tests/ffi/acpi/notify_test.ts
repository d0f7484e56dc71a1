import assert from "node:assert/strict";
import { test } from "node:test";
import * as b from "./aml_builder.ts";
import { cid, find, goodAddr } from "./helpers.ts";

const { int, one, path } = b;
const vgen = b.device("\\_SB.VGEN", cid, goodAddr);
const signal = b.notify(path("\\_SB.VGEN"), int(0x80));

function notifiedBy(...terms: readonly b.Aml[]): string | undefined {
  return find(b.table({}, vgen, ...terms))?.notifiedBy;
}

test("a device that nothing notifies has no notifier", () => {
  assert.equal(notifiedBy(), undefined);
  assert.equal(
    notifiedBy(b.method("\\_GPE._E01", 0, b.notify(path("OTHR"), one))),
    undefined,
  );
});

test("GPE methods and _EVT are event methods, others are not", () => {
  for (const name of ["\\_GPE._E05", "\\_GPE._LFF", "\\_SB.GED._EVT"]) {
    assert.equal(notifiedBy(b.method(name, 1, signal)), name);
  }
  for (const name of ["\\_GPE._E0X", "\\FOO", "\\_SB._QXX"]) {
    assert.equal(notifiedBy(b.method(name, 0, signal)), undefined);
  }
});

test("a Notify is found in any block", () => {
  const body = b.when(
    b.lequal(b.arg(0), int(5)),
    b.noop,
  );
  const otherwise = b.otherwise(b.loop(one, b.when(one, signal)));
  assert.equal(
    notifiedBy(b.method("\\_SB.GED._EVT", 1, body, otherwise)),
    "\\_SB.GED._EVT",
  );
});

test("a Notify by a relative name is found", () => {
  assert.equal(
    notifiedBy(b.scope(
      "\\_SB",
      b.method("_E01", 0, b.notify(path("VGEN"), int(0x80))),
    )),
    "\\_SB._E01",
  );
});

test("a Notify through a Local is not followed", () => {
  assert.equal(
    notifiedBy(b.method("\\_GPE._E01", 0, b.notify(b.local(0), one))),
    undefined,
  );
});

test("calls are followed, with arguments, in loops, and only so deep", () => {
  const call = (name: string, ...args: b.Aml[]) => b.join(path(name), ...args);
  assert.equal(
    notifiedBy(
      b.method("\\_GPE._L02", 0, b.store(call("DQUE", one), b.local(0))),
      b.method("\\DQUE", 1, call("LOOP"), call("LAST")),
      b.method("\\LOOP", 0, call("DQUE", one)),
      b.method("\\LAST", 0, signal),
    ),
    "\\_GPE._L02",
  );
  const chain = (length: number) =>
    Array.from(
      { length },
      (_, i) =>
        b.method(`\\M${i}`, 0, i === length - 1 ? signal : call(`M${i + 1}`)),
    );
  const event = b.method("\\_GPE._L02", 0, call("M0"));
  assert.equal(notifiedBy(event, ...chain(4)), "\\_GPE._L02");
  assert.equal(notifiedBy(event, ...chain(5)), undefined);
});

test("a body is understood up to where it becomes unreadable", () => {
  assert.equal(
    notifiedBy(b.method("\\_GPE._E01", 0, signal, b.raw(0x02))),
    "\\_GPE._E01",
  );
  assert.equal(
    notifiedBy(b.method("\\_GPE._E01", 0, b.raw(0x02), signal)),
    undefined,
  );
});

test("a body may use what evaluation refuses", () => {
  const body = [
    b.hex("5b 23 4d 54 58 5f ff ff"), // Acquire(MTX, 0xFFFF)
    b.join(b.raw(0x75), b.local(0)), // Increment
    b.store(b.join(b.raw(0x83), b.arg(1)), path("FOO")), // DerefOf
    b.store(one, b.join(b.raw(0x83), b.arg(1))),
    b.region("REG", b.SYSTEM_IO, int(0x80), one),
    b.field("REG", b.ANY_ACCESS, b.bits("FLD", 8)),
    b.hex("5b 27 4d 54 58 5f"), // Release(MTX)
    signal,
  ];
  assert.equal(
    notifiedBy(b.method("\\_GPE._E01", 0, ...body)),
    "\\_GPE._E01",
  );
});
