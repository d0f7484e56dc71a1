import assert from "node:assert/strict";
import { test } from "node:test";
import { BaseCrng, ProtectionError } from "../../../crng/mod.ts";
import { openMachine } from "../../../ffi/mod.ts";
import { SIMULATED_ADDRESS } from "../../../ffi/testing/mod.ts";
import * as b from "../acpi/aml_builder.ts";
import {
  namesOf,
  obstaclesOf,
  openWith,
  shimWith,
  tables,
} from "./open_with.ts";

const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const EACCES = 13;
const EINVAL = 22;
const ENODATA = 61;
const EADDRNOTAVAIL = 99;

/** A DSDT with a vmclock at 0xde000, as Firecracker has it. */
const clockTable = b.table(
  {},
  b.device(
    "\\_SB.VCLK",
    b.name("_CID", b.string("VMCLOCK")),
    b.name(
      "_CRS",
      b.buffer(b.hex("86 09 00 00 00 e0 0d 00 00 10 00 00 79 00")),
    ),
  ),
);

test("vmclock makes the level memory by itself where there is hardware randomness", () => {
  const machine = openWith({ sources: ["vmclock"] });
  const { level, source, sources, confirmedBy, device } = machine.protection;
  assert.deepEqual({ level, source, confirmedBy, device }, {
    level: "memory",
    source: "vmclock",
    confirmedBy: "driver",
    device: undefined,
  });
  assert.deepEqual(sources, [{
    name: "vmclock",
    timely: true,
    consulted: "draws",
    confirmedBy: "driver",
    path: "/dev/vmclock0",
  }]);
  assert.equal(machine.ports!.unbuffered, false);
  assert.equal(machine.ports!.source.uniqueId(new Uint8Array(16)), 0);
});

test("vmclock alone has no id, so that it takes hardware randomness", () => {
  const machine = openWith({ sources: ["vmclock"], hardware: false });
  assert.equal(machine.protection.level, "kernel");
  const obstacles = obstaclesOf(machine);
  assert.match(obstacles[0]!, /"vmclock" has no id.*RDRAND/);
  assert.match(obstacles[1]!, /no VM generation ID device/); // which would have one
});

test("vmclock stands beside vmgenid, which decides and has the id", () => {
  const machine = openWith({
    sources: ["vmclock", "vmgenid"],
    hardware: false,
  });
  assert.deepEqual(namesOf(machine), ["vmgenid", "vmclock"]);
  assert.equal(machine.protection.level, "memory");
  assert.equal(machine.protection.source, "vmgenid");
  assert.equal(machine.ports!.source.uniqueId(new Uint8Array(16)), 16);
});

test("vmclock serves where the vmgenid page cannot be mapped", () => {
  const machine = openWith({
    sources: ["vmclock", "vmgenid"],
    obstruction: "not-root",
  });
  assert.equal(machine.protection.level, "memory");
  assert.equal(machine.protection.source, "vmclock");
});

test("A generator on a vmclock parts from its earlier timeline after a rollback", () => {
  const draw = (rollBackAtCall?: number): string => {
    const machine = openWith({
      sources: ["vmclock"],
      ...(rollBackAtCall && { rollBackAtCall }),
    });
    const crng = new BaseCrng(machine.ports!);
    crng.getRandom(8);
    return crng.getRandom(8).join();
  };
  assert.equal(draw(), draw());
  const calls = Array.from({ length: 4 }, (_, i) => i + 1);
  const draws = new Set(calls.map((call) => draw(call)));
  assert.equal(draws.has(draw()), false);
});

test("vmclock is mapped from memory at the address in the ACPI tables where the kernel has no driver", () => {
  const { read } = tables({ DSDT: clockTable });
  const mapped: bigint[] = [];
  let clock = 0;
  const shim = shimWith();
  const machine = openMachine({}, {
    shim: {
      ...shim,
      symbols: {
        ...shim.symbols,
        vmfork_read_table: read,
        vmfork_map_clock: (address) => {
          mapped.push(address);
          clock = 8 | 2 << 12; // by iomem
          return 2;
        },
        vmfork_status: () => shim.symbols.vmfork_status() | clock,
      },
    },
  });
  assert.deepEqual(mapped, [0xde000n]);
  assert.deepEqual(machine.protection.sources, [{
    name: "vmclock",
    timely: true,
    consulted: "draws",
    confirmedBy: "iomem",
    path: "\\_SB.VCLK",
  }]);
  assert.equal(machine.protection.level, "memory");
});

test("A vmclock that is there and cannot be used is named, with what would change that", () => {
  for (
    const [errno, words] of [
      [EACCES, /\/dev\/vmclock0 is there.*may not read it; .*udev/],
      [EPERM, /the container does not allow it/],
      [EINVAL, /magic, size or version/],
      [ENODATA, /magic, size or version/],
    ] as const
  ) {
    const machine = openWith({
      sources: [],
      replace: { vmfork_open_clock: () => -errno },
    });
    const obstacles = obstaclesOf(machine);
    assert.equal(machine.protection.level, "hedged");
    assert.equal(obstacles.length, 2);
    assert.match(obstacles[0]!, /no VM generation ID device/);
    assert.match(obstacles[1]!, words);
  }
});

test("A vmclock whose page memory does not give is named, too", () => {
  for (
    const [errno, words] of [
      [EPERM, /CONFIG_IO_STRICT_DEVMEM keeps it/],
      [EADDRNOTAVAIL, /System RAM/],
      [EACCES, /\/proc\/iomem cannot be read/],
      [EINVAL, /magic, size or version differ, or .* 64 KiB/],
      [ENODATA, /magic, size or version/],
    ] as const
  ) {
    const machine = openWith({
      replace: {
        vmfork_read_table: tables({ DSDT: clockTable }).read,
        vmfork_map_clock: () => -errno,
      },
    });
    assert.match(obstaclesOf(machine)[1]!, words);
  }
});

test("A machine without a vmclock is not told that it has none", () => {
  assert.equal(obstaclesOf(openWith({ sources: [] })).length, 1);
  assert.equal(obstaclesOf(openWith({ obstruction: "not-root" })).length, 1);
  // One obstacle for both sources is said once.
  const machine = openWith({
    replace: {
      vmfork_read_table: tables({ DSDT: clockTable }).read,
      vmfork_open_memory: () => -ENOENT,
    },
  });
  assert.equal(obstaclesOf(machine).length, 2);
});

test("A vmclock descriptor that a parent has passed on is taken over", () => {
  const machine = openWith({ sources: ["vmclock"], obstruction: "not-root" }, {
    source: { vmclock: 5 },
  });
  assert.equal(machine.protection.level, "memory");
  assert.equal(machine.protection.confirmedBy, "parent");
  assert.equal(machine.protection.sources[0]!.path, undefined);
});

test("A parent may pass on memory and a vmclock in one object", () => {
  const source = { vmclock: 5, descriptor: 6, address: SIMULATED_ADDRESS };
  const machine = openWith({
    sources: ["vmclock", "vmgenid"],
    obstruction: "not-root",
  }, { source });
  assert.deepEqual(namesOf(machine), ["vmgenid", "vmclock"]);
});

test("A vmclock descriptor that cannot be used is an error, with or without a shim", () => {
  const source = { vmclock: 5 };
  const refused = (words: RegExp) => (error: unknown): boolean =>
    error instanceof ProtectionError && error.code === "level-unavailable" &&
    /inherited vmclock descriptor/.test(error.message) &&
    words.test(error.message);
  assert.throws(() => openWith({}, { source }), refused(/is no vmclock/));
  assert.throws(
    () =>
      openWith({ replace: { vmfork_adopt_clock: () => -EBADF } }, { source }),
    refused(/not open in this process/),
  );
  assert.throws(
    () =>
      openMachine({ source }, {
        shim: { reason: "there is none", remedy: "one" },
      }),
    refused(/there is none/),
  );
  const shim = shimWith();
  const look = {};
  openMachine({}, { shim, look }); // which finds no /dev/vmclock0
  assert.throws(
    () => openMachine({ source }, { shim, look }),
    refused(/discovery is closed/),
  );
});

test("A vmclock is late where pages are not ordinary memory", () => {
  const machine = openWith({ sources: ["vmclock"], cachedPages: false });
  assert.equal(machine.protection.level, "hedged");
  assert.equal(machine.protection.source, "vmclock");
  assert.equal(machine.protection.sources[0]!.timely, false);
  assert.match(
    obstaclesOf(machine)[0]!,
    /"vmclock" may show a fork late on this machine/,
  );
});

test("A vmclock that another realm has opened is found, and one that it opens meanwhile", () => {
  const shim = shimWith({ sources: ["vmclock"] });
  openMachine({}, { shim });
  const other = openMachine({}, { shim });
  assert.equal(other.protection.source, "vmclock");
  assert.equal(other.protection.sources[0]!.path, undefined);
  const racing = shimWith({ sources: ["vmclock"] });
  const found = openMachine({}, {
    shim: {
      ...racing,
      symbols: {
        ...racing.symbols,
        vmfork_open_clock: (index) => {
          racing.symbols.vmfork_open_clock(index);
          return racing.symbols.vmfork_open_clock(index); // -EEXIST
        },
      },
    },
  });
  assert.equal(found.protection.source, "vmclock");
});
