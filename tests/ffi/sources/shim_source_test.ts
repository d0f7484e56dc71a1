import assert from "node:assert/strict";
import { test } from "node:test";
import { ShimSource } from "../../../ffi/sources/shim_source.ts";
import { noSource } from "../../../ffi/sources/no_source.ts";
import { SimulatedMachine } from "../../../ffi/testing/mod.ts";

test("ShimSource.changed() resolves at once when the count already differs", async () => {
  const { source } = new SimulatedMachine();
  const count = source.generation();
  assert.equal(
    await source.changed(count - 1, AbortSignal.timeout(5000)),
    count,
  );
});

test("ShimSource.changed() resolves with the new count after a fork", async () => {
  const machine = new SimulatedMachine();
  const { source } = machine;
  const count = source.generation();
  const changed = source.changed(count, AbortSignal.timeout(5000));
  machine.fork();
  assert.equal(await changed, count + 1);
});

test("ShimSource.changed() rejects with the reason of its signal, before and during the wait", async () => {
  const { source } = new SimulatedMachine();
  const count = source.generation();
  const reason = new Error("stopped");
  await assert.rejects(
    source.changed(count, AbortSignal.abort(reason)),
    reason,
  );
  const controller = new AbortController();
  const changed = source.changed(count, controller.signal);
  controller.abort(reason);
  await assert.rejects(changed, reason);
});

test("ShimSource.changed() rejects when the wait fails or the shim is closed", async () => {
  const shim = new SimulatedMachine().shim();
  const symbols = { ...shim.symbols, vmfork_wait: () => Promise.resolve(-5) };
  const decides = { name: "simulated", timely: true };
  const failing = new ShimSource(decides, { ...shim, symbols });
  const never = new AbortController().signal;
  await assert.rejects(failing.changed(failing.generation(), never), {
    errno: "EIO",
  });
  const closed = new ShimSource(decides, { ...shim, closed: true });
  await assert.rejects(closed.changed(closed.generation(), never), {
    code: "closed",
  });
});

test("ShimSource.changed() sees a rollback by the ACPI event, which generation() alone does not", async () => {
  const machine = new SimulatedMachine({ sources: ["vmgenid", "acpi-events"] });
  const { source } = machine;
  const count = source.generation();
  machine.rollBack();
  assert.equal(source.generation(), count);
  assert.equal(
    await source.changed(count, AbortSignal.timeout(5000)),
    count + 1,
  );
  assert.equal(source.generation(), count + 1);
});

test("ShimSource.look() and changedBy() say that the count moved, and by which sources", () => {
  const machine = new SimulatedMachine({
    sources: ["vmgenid", "vmclock", "generation-file", "acpi-events"],
  });
  const { source } = machine;
  const count = source.look!();
  machine.rollBack();
  assert.equal(source.look!(), count + 1);
  assert.equal(source.changedBy!(count, count + 1), "vmclock+acpi-events");
  machine.fork();
  assert.equal(source.generation(), count + 2);
  const page = "vmgenid+vmclock+generation-file";
  assert.equal(source.changedBy!(count + 1, count + 2), page);
  assert.equal(source.look!(), count + 3); // the event comes late
  assert.equal(source.changedBy!(count + 2, count + 3), "acpi-events");
  assert.equal(source.changedBy!(count + 1, count + 3), `${page}+acpi-events`);
});

test("ShimSource.generation() looks at the ACPI events where draws are to", () => {
  const machine = new SimulatedMachine({
    sources: ["vmgenid", "acpi-events"],
    eventsAtDraws: true,
  });
  const { source } = machine;
  const count = source.generation();
  machine.rollBack();
  assert.equal(source.generation(), count + 1);
});

test("ShimSource.quiesced() tells a quiesce from a source that cannot answer", () => {
  const { symbols, ...shim } = new SimulatedMachine().shim();
  const source = new ShimSource({ name: "simulated", timely: true }, {
    ...shim,
    symbols,
  });
  const realm = symbols.vmfork_join();
  const count = source.generation();
  assert.equal(source.quiesced(), false);
  symbols.vmfork_quiesce(realm);
  assert.equal(source.generation(), 0);
  assert.equal(source.look(), 0);
  assert.equal(source.quiesced(), true);
  symbols.vmfork_resume(realm);
  assert.equal(source.quiesced(), false);
  assert.equal(source.changedBy(count, count + 1), "resume");
});

test("ShimSource.changedBy() is the source's own name where nothing has changed", () => {
  const { source } = new SimulatedMachine();
  const count = source.generation();
  assert.equal(source.changedBy!(count, count), "vmgenid");
});

test("ShimSource and the shim's entropy refuse views of another length than the shim writes", () => {
  const { source, entropy } = new SimulatedMachine();
  assert.throws(() => source.uniqueId(new Uint8Array(8)), RangeError);
  assert.throws(() => entropy.fill(new Uint8Array(103)), RangeError);
  assert.throws(() => entropy.nonce(new Uint8Array(1)), RangeError);
});

test("The source of a machine without one never changes", async () => {
  const reason = new Error("stopped");
  const controller = new AbortController();
  const changed = noSource.changed(1, controller.signal);
  controller.abort(reason);
  await assert.rejects(changed, reason);
  await assert.rejects(noSource.changed(1, AbortSignal.abort(reason)), reason);
  assert.equal(noSource.generation(), 1);
  assert.equal(noSource.uniqueId(new Uint8Array(16)), 0);
});
