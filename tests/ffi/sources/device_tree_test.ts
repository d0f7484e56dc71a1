import assert from "node:assert/strict";
import { test } from "node:test";
import { openMachine } from "../../../ffi/mod.ts";
import { compiled } from "../devicetree/helpers.ts";
import { obstaclesOf, openWith, shimWith, tables } from "./open_with.ts";

const EPERM = 1;
const EACCES = 13;
const EINVAL = 22;

test("The vmgenid page is found through the device tree where there is no ACPI", () => {
  const { read, asked } = tables({ FDT: compiled("firecracker") });
  const mapped: unknown[] = [];
  const shim = shimWith();
  const { protection } = openMachine({}, {
    shim: {
      ...shim,
      cachedPages: false, // as on arm64
      symbols: {
        ...shim.symbols,
        vmfork_read_table: read,
        vmfork_map: (address, hid) => {
          mapped.push(address, hid.length);
          return shim.symbols.vmfork_map(address, hid);
        },
      },
    },
  });
  assert.deepEqual(mapped, [0x801ffff0n, 1]); // without a hardware id
  assert.deepEqual(protection.device, {
    path: "/vmgenid",
    hid: "",
    address: "0x801ffff0",
    notifiedBy: undefined,
  });
  assert.deepEqual(protection.sources, [{
    name: "vmgenid",
    timely: false,
    consulted: "draws",
    confirmedBy: "driver",
    path: "/vmgenid",
  }]);
  assert.equal(protection.level, "hedged");
  assert.deepEqual(Object.fromEntries(asked), { DSDT: 1, FDT: 1 });
});

test("A page that the kernel's driver has requested is refused for that reason, and could not give the level", () => {
  const { read } = tables({ FDT: compiled("firecracker") });
  const machine = openWith({
    cachedPages: false, // as on arm64
    replace: { vmfork_read_table: read, vmfork_map: () => -EPERM },
  });
  const [refused, late, ...others] = obstaclesOf(machine);
  assert.match(refused!, /the vmgenid driver.* device tree.*iomem=relaxed/);
  assert.match(late!, /may show a fork late on this machine; .* x86-64/);
  assert.deepEqual(others, []);
  assert.equal(machine.protection.level, "hedged");
});

test("A page that a kernel with larger pages cannot map is refused for that reason", () => {
  const { read } = tables({ FDT: compiled("firecracker") });
  const machine = openWith({
    cachedPages: false, // as on arm64
    replace: { vmfork_read_table: read, vmfork_map: () => -EINVAL },
  });
  const [refused, late, ...others] = obstaclesOf(machine);
  assert.match(refused!, /pages of 16 or 64 KiB.*; .*pages of 4 KiB/);
  assert.match(late!, /may show a fork late/);
  assert.deepEqual(others, []);
  assert.equal(machine.protection.level, "hedged");
});

test("A device tree without the device is named as such", () => {
  const { read } = tables({ FDT: compiled("none") });
  assert.match(
    obstaclesOf(openWith({ replace: { vmfork_read_table: read } }))[0]!,
    /the device tree describes no VM generation ID device/,
  );
});

test("A device tree that cannot be understood is reported", () => {
  const broken = compiled("firecracker").fill(0, 56);
  const { read } = tables({ FDT: broken });
  assert.match(
    obstaclesOf(openWith({ replace: { vmfork_read_table: read } }))[0]!,
    /the device tree cannot be understood: .* at offset 0x/,
  );
});

test("A machine with neither ACPI nor a device tree, or one that only root may read, is told apart", () => {
  const { read } = tables({});
  assert.match(
    obstaclesOf(openWith({ replace: { vmfork_read_table: read } }))[0]!,
    /no ACPI tables and no device tree/,
  );
  assert.match(
    obstaclesOf(openWith({
      replace: {
        vmfork_read_table: (name, ...rest) =>
          name[0] === 0x46 ? -EACCES : read(name, ...rest),
      },
    }))[0]!,
    /may be read by root only/,
  );
});

test("The device tree is not asked where there are ACPI tables", () => {
  const shim = shimWith({ sources: [] });
  const asked: string[] = [];
  openMachine({}, {
    shim: {
      ...shim,
      symbols: {
        ...shim.symbols,
        vmfork_read_table: (name, into, capacity) => {
          asked.push(new TextDecoder().decode(name));
          return shim.symbols.vmfork_read_table(name, into, capacity);
        },
      },
    },
  });
  // Once for the three sources that need them.
  assert.deepEqual(asked, ["DSDT\0", "SSDT\0", "SSDT1\0"]);
});
