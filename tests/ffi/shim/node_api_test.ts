import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { shimBytes, shimFile } from "../../../ffi/shim/load.ts";
import { cString, type ShimSymbols } from "../../../ffi/shim/shim.ts";
import { SHIM_ABI, SHIM_SYMBOLS } from "../../../ffi/shim/symbols.ts";

// The door of Node-API, in Node or in Deno, which has one too. Discovery stays closed to these tests: other test
// files in the same process may need it.

const ECANCELED = 125;
const EBADF = 9;
const EAGAIN = 11;
const EINVAL = 22;
const EPERM = 1;

const folder = mkdtempSync(join(tmpdir(), "vmfork-"));
const file = shimFile()!;
const path = join(folder, file.name);
writeFileSync(path, shimBytes(file));

function load(): ShimSymbols {
  const module = { exports: {} };
  process.dlopen(module, path);
  return module.exports as ShimSymbols;
}

describe("napi_register_module_v1()", () => {
  after(() => rmSync(folder, { recursive: true }));
  const shim = load();

  it("exports the functions of SHIM_SYMBOLS", () => {
    assert.deepEqual(
      Object.keys(shim).sort(),
      Object.keys(SHIM_SYMBOLS).sort(),
    );
  });

  it("can be asked twice by one environment", () => {
    assert.equal(load().vmfork_abi(), shim.vmfork_abi());
  });

  it("answers with numbers", () => {
    assert.equal(shim.vmfork_abi(), SHIM_ABI);
    assert.ok(shim.vmfork_generation() >= 1);
    assert.ok(shim.vmfork_look() >= 1);
    assert.equal(shim.vmfork_changed_by(1, 1), 0);
    assert.ok(shim.vmfork_hardware() <= 3);
    assert.equal(typeof shim.vmfork_status(), "number");
  });

  it("fills the arrays that it is given, and nothing beside them", () => {
    // False alarm: 2^-96
    const memory = new Uint8Array(128).fill(7);
    assert.equal(shim.vmfork_seed(memory.subarray(8, 112)), 104);
    assert.deepEqual(memory.subarray(0, 8), new Uint8Array(8).fill(7));
    assert.deepEqual(memory.subarray(112), new Uint8Array(16).fill(7));
    const nonces = [new Uint8Array(12), new Uint8Array(12)];
    for (const nonce of nonces) {
      assert.equal(shim.vmfork_hedged_nonce(nonce), 12);
    }
    assert.notDeepEqual(nonces[0], nonces[1]);
  });

  it("throws a TypeError for arguments that it does not take, before it does anything", () => {
    // No numbers of other types: Deno's Node-API takes anything for a number.
    const calls: Record<string, unknown[][]> = {
      vmfork_changed_by: [[], [1]],
      vmfork_unique_id: [[], [new Uint8Array(15)], [new ArrayBuffer(16)], [
        16,
      ], [new Uint8Array(new SharedArrayBuffer(16))]],
      vmfork_seed: [[new Uint8Array(103)], [new Int8Array(104)], [
        new Uint32Array(104),
      ]],
      vmfork_nonce: [[new Uint8Array(11)], [null]],
      vmfork_hedged_nonce: [[new Uint8Array(11)]],
      vmfork_read_table: [
        [new Uint8Array(0), new Uint8Array(64), 64],
        [Uint8Array.of(70), new Uint8Array(64), 64],
        [Uint8Array.of(70, 0), new Uint8Array(64)],
      ],
      vmfork_adopt_memory: [[]],
      vmfork_read_physical: [
        [8, 8, new Uint8Array(8)],
        [-8n, 8, new Uint8Array(8)],
        [2n ** 64n, 8, new Uint8Array(8)],
        [8n, 8, new Uint8Array(7)],
      ],
      vmfork_map: [[8n], [8n, "VMGN"], [8n, Uint8Array.of(65)]],
      vmfork_open_clock: [[]],
      vmfork_adopt_clock: [[]],
      vmfork_map_clock: [[], [4096], [-4096n], [2n ** 64n]],
      vmfork_watch_file: [[], [Uint8Array.of(47, 0)], [Uint8Array.of(47), 0], [
        "/",
        0,
      ]],
      // Another thread could change the name after it was looked at.
      vmfork_watch_events: [[], ["ged"], [Uint8Array.of(103)], [
        new Uint8Array(new SharedArrayBuffer(8)),
      ]],
      vmfork_leave: [[]],
      vmfork_quiesce: [[]],
      vmfork_resume: [[]],
      vmfork_wiped: [[]],
      vmfork_wait: [[], [1, 2, 3]],
      vmfork_wake: [[]],
      vmfork_guard: [[], [1, 2, 3]],
    };
    for (const [name, lists] of Object.entries(calls)) {
      const call = shim[name as keyof ShimSymbols] as (
        ...args: unknown[]
      ) => unknown;
      for (const args of lists) {
        assert.throws(() => call(...args), TypeError, `${name} ${args.length}`);
      }
    }
  });

  it("passes every kind of argument on as it is", () => {
    const text = new TextEncoder().encode("VMGENID\0");
    const into = new Uint8Array(8);
    // Of the same calls, those that are in order get as far as the device, which is not open.
    for (const address of [0xdfff1n, 1n << 52n, 2n ** 64n - 8n]) {
      assert.equal(shim.vmfork_map(address, text), -EINVAL);
      assert.equal(shim.vmfork_read_physical(address, 8, into), -EINVAL);
    }
    assert.equal(shim.vmfork_read_physical(0xdfff0n, 3, into), -EINVAL);
    assert.equal(
      shim.vmfork_map(8n, new TextEncoder().encode("vm\0")),
      -EINVAL,
    );
    for (const address of [0n, 8n, 0xde800n, 1n << 52n]) {
      assert.equal(shim.vmfork_map_clock(address), -EINVAL);
    }
    assert.equal(shim.vmfork_open_clock(10), -EINVAL);
    assert.equal(shim.vmfork_watch_file(text, 0), -EINVAL);
    assert.equal(shim.vmfork_watch_file(cString("/nowhere"), 5), -EINVAL);
    assert.equal(shim.vmfork_watch_events(text), -EINVAL);
    const later = [
      shim.vmfork_adopt_clock(-1),
      shim.vmfork_map((1n << 52n) - 8n, text),
      shim.vmfork_read_physical(0xdfff0n, 8, into),
      shim.vmfork_adopt_memory(-1),
    ];
    for (const result of later) {
      assert.ok(result === -EBADF || result === -EPERM, `${result}`);
    }
  });

  it("never writes more of a table than the array holds, whatever the capacity says", () => {
    const name = new TextEncoder().encode("FACP\0");
    const refused = shim.vmfork_read_table(name, new Uint8Array(8), 2 ** 32);
    assert.ok(refused === -EINVAL || refused === -EPERM, `${refused}`);
  });
});

// Quiescing stays out of these tests, like discovery: others may be drawing.
describe("The realms of Node-API", () => {
  const shim = load();

  it("join and leave", () => {
    const realm = shim.vmfork_join();
    assert.ok(realm >= 0);
    assert.equal(shim.vmfork_wiped(realm), 0);
    assert.equal(shim.vmfork_resume(realm), 0);
    assert.equal(shim.vmfork_leave(realm), 0);
    for (const handle of [realm, -1]) {
      assert.equal(shim.vmfork_leave(handle), -EBADF);
      assert.equal(shim.vmfork_quiesce(handle), -EBADF);
      assert.equal(shim.vmfork_resume(handle), -EBADF);
      assert.equal(shim.vmfork_wiped(handle), -EBADF);
    }
    assert.equal(shim.vmfork_unwiped(), 0);
    assert.equal(shim.vmfork_quiesced(), 0);
  });
});

describe("vmfork_wait() of Node-API", () => {
  const shim = load();

  it("resolves with 0 after its timeout", async () => {
    const handle = shim.vmfork_wait_open();
    const count = shim.vmfork_generation();
    assert.equal(await shim.vmfork_wait(handle, count, 5, 20), 0);
  });

  it("resolves with 1 at once when the count differs", async () => {
    const handle = shim.vmfork_wait_open();
    const other = shim.vmfork_generation() + 1;
    assert.equal(await shim.vmfork_wait(handle, other, 5, 60_000), 1);
  });

  it("resolves with -ECANCELED when it is woken, also before it waits", async () => {
    const [before, during] = [shim.vmfork_wait_open(), shim.vmfork_wait_open()];
    const count = shim.vmfork_generation();
    assert.equal(shim.vmfork_wake(before), 0);
    const waits = [before, during].map((handle) =>
      shim.vmfork_wait(handle, count, 1000, 60_000)
    );
    setTimeout(() => shim.vmfork_wake(during), 20);
    assert.deepEqual(await Promise.all(waits), [-ECANCELED, -ECANCELED]);
  });

  it("resolves with -EAGAIN at once where two others wait already, and ends the handle", async () => {
    // The pool of Node has four threads, which files and names need too.
    const open = (): number => shim.vmfork_wait_open();
    const [first, second, third] = [open(), open(), open()];
    const count = shim.vmfork_generation();
    const waits = [first, second].map((handle) =>
      shim.vmfork_wait(handle, count, 1000, 60_000)
    );
    assert.equal(await shim.vmfork_wait(third, count, 1000, 60_000), -EAGAIN);
    assert.equal(shim.vmfork_wake(third), -EBADF);
    assert.equal(await shim.vmfork_guard(open(), count, 1000, 5), -EAGAIN);
    for (const handle of [first, second]) shim.vmfork_wake(handle);
    assert.deepEqual(await Promise.all(waits), [-ECANCELED, -ECANCELED]);
    assert.equal(await shim.vmfork_wait(open(), count, 1, 1), 0);
  });

  it("resolves with -EBADF for a handle that is not open", async () => {
    assert.equal(await shim.vmfork_wait(-1, 1, 5, 5), -EBADF);
    assert.equal(shim.vmfork_wake(-1), -EBADF);
  });

  // Healing stays out of these tests: as root it would reach the machine's kernel.
  it("waits in vmfork_guard() too, which has nothing to heal until the count grows", async () => {
    const count = shim.vmfork_generation();
    const [late, woken] = [shim.vmfork_wait_open(), shim.vmfork_wait_open()];
    assert.equal(await shim.vmfork_guard(late, count, 5, 20), 0);
    assert.equal(shim.vmfork_wake(woken), 0);
    const waited = await shim.vmfork_guard(woken, count, 5, 60_000);
    assert.equal(waited, -ECANCELED);
    assert.equal(await shim.vmfork_guard(-1, 1, 5, 5), -EBADF);
  });
});
