import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtectionError } from "../../../crng/mod.ts";
import { openMachine } from "../../../ffi/mod.ts";
import { FORMS, machine } from "../acpi/forms.ts";
import { namesOf, openWith, shimWith, tables } from "./open_with.ts";

const EPERM = 1;
const EIO = 5;
const EINVAL = 22;
const EADDRNOTAVAIL = 99;

/** A known hypervisor's tables, by the names that Linux gives them. */
function named(contents: readonly Uint8Array[]): Record<string, Uint8Array> {
  return Object.fromEntries(
    contents.map((content, i) => [i === 0 ? "DSDT" : `SSDT${i}`, content]),
  );
}

for (const { title, tables: contents, memory, expected } of FORMS) {
  test(`The firmware's tables are read and evaluated once for all sources: ${title}`, () => {
    const { read, asked } = tables(named(contents));
    const { reads, readPhysical } = machine(memory);
    const watched: string[] = [];
    const { protection } = openWith({
      replace: {
        vmfork_read_table: read,
        vmfork_read_physical: (address, width, into) => {
          const value = readPhysical(address, width);
          new DataView(into.buffer).setBigUint64(0, value, true);
          return width;
        },
        vmfork_watch_events: (event) => {
          watched.push(new TextDecoder().decode(event));
          return -EIO; // the simulated status does not show it
        },
      },
    });
    assert.equal(asked.get("DSDT"), 1);
    // The search for a vmclock may ask for some of the same again, but not the second source for the id's.
    assert.deepEqual(
      reads.slice(0, expected.regionReads.length).map(({ address }) => address),
      expected.regionReads,
    );
    assert.equal(reads.length, expected.regionReads.length);
    assert.equal(
      protection.device!.address,
      `0x${expected.address.toString(16)}`,
    );
    assert.equal(protection.device!.notifiedBy, expected.notifiedBy);
    assert.equal(watched.length, expected.notifiedBy === undefined ? 0 : 1);
  });
}

test("A physical read that the shim refuses is the obstacle of all sources that need it", () => {
  const form = FORMS.find(({ expected }) => expected.regionReads.length > 0)!;
  for (
    const [errno, words] of [
      [EADDRNOTAVAIL, /a read from System RAM/],
      [EINVAL, /pages of 16 or 64 KiB/],
    ] as const
  ) {
    let reads = 0;
    const { protection } = openWith({
      replace: {
        vmfork_read_table: tables(named(form.tables)).read,
        vmfork_read_physical: () => {
          reads++;
          return -errno;
        },
      },
    });
    assert.match(protection.notReached[0]!.reason, words);
    assert.equal(protection.notReached.length, 1);
    assert.ok(reads <= 2); // once for each device
  }
});

test("Another realm that ends discovery in the middle leaves a named source as an error", () => {
  const shim = shimWith({ sources: ["generation-file", "vmgenid"] });
  const racing = {
    ...shim,
    symbols: {
      ...shim.symbols,
      vmfork_watch_file: (): number => {
        shim.symbols.vmfork_open_memory();
        shim.symbols.vmfork_map(8n, new Uint8Array(1)); // which seals
        return -EPERM;
      },
    },
  };
  assert.throws(
    () =>
      openMachine({
        generationFile: { path: "/run/generation", format: "u32" },
      }, { shim: racing }),
    (error) =>
      error instanceof ProtectionError &&
      /discovery is closed/.test(error.message),
  );
  assert.deepEqual(namesOf(openMachine({}, { shim })), ["vmgenid"]);
});
