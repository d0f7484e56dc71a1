import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../../ffi/machine.ts";
import { Realm } from "../../ffi/realm.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";

/** A realm whose machines are counted. */
function counted(): {
  realm: Realm;
  opened: () => number;
  closed: () => number;
} {
  let opened = 0;
  let closed = 0;
  const realm = new Realm((): Machine => {
    opened++;
    return { ...new SimulatedMachine().open(), close: () => void closed++ };
  });
  return { realm, opened: () => opened, closed: () => closed };
}

test("Realm opens one machine for all, and closes it with the last of them", () => {
  const { realm, opened, closed } = counted();
  const leases = [realm.lease(), realm.lease(), realm.lease()];
  assert.equal(opened(), 1);
  leases[0]!.release();
  leases[0]!.release(); // a second call does nothing
  leases[1]!.release();
  assert.equal(closed(), 0);
  leases[2]!.release();
  assert.equal(closed(), 1);
  realm.lease();
  assert.equal(opened(), 2);
});

test("Realm.configure() leaves a machine in use open until it is released", () => {
  const { realm, opened, closed } = counted();
  const before = realm.lease();
  realm.configure({ shim: "/another" });
  const after = realm.lease();
  assert.equal(opened(), 2);
  assert.notEqual(before.machine, after.machine);
  before.release();
  assert.equal(closed(), 1);
  after.release();
  assert.equal(closed(), 2);
});

test("Realm.configure() with the same machine options keeps the machine", () => {
  const { realm, opened } = counted();
  realm.configure({ shim: "/one" });
  realm.lease();
  realm.configure({ shim: "/one" });
  realm.lease();
  assert.equal(opened(), 1);
});
