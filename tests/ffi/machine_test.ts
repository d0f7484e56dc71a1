import assert from "node:assert/strict";
import { test } from "node:test";
import { BaseCrng, ProtectionError } from "../../crng/mod.ts";
import { openMachine, ShimError } from "../../ffi/mod.ts";
import {
  type Obstruction,
  SIMULATED_ADDRESS,
  SimulatedMachine,
} from "../../ffi/testing/mod.ts";
import type { Shim } from "../../ffi/shim/shim.ts";

/** Opens a simulated machine whose shim has some functions replaced. */
function openWith(
  replace: Partial<Shim["symbols"]>,
  options = {},
): ReturnType<typeof openMachine> {
  const machine = new SimulatedMachine();
  const shim = machine.shim();
  return openMachine(options, {
    shim: { ...shim, symbols: { ...shim.symbols, ...replace } },
    clock: machine.clock,
  });
}

test("openMachine() reaches memory through the ACPI tables and says how the page was confirmed", () => {
  const { protection, ports } = new SimulatedMachine().open();
  assert.deepEqual(protection, {
    level: "memory",
    source: "vmgenid",
    sources: [{
      name: "vmgenid",
      timely: true,
      consulted: "draws",
      confirmedBy: "driver",
      path: "\\_SB.VGEN",
    }],
    confirmedBy: "driver",
    device: {
      path: "\\_SB.VGEN",
      hid: "VMFKSIM0",
      address: `0x${SIMULATED_ADDRESS.toString(16)}`,
      notifiedBy: "\\_GPE._E05",
    },
    hardware: ["draw", "seed"],
    shim: "simulated",
    notReached: [],
  });
  assert.equal(ports!.unbuffered, false);
});

test("openMachine() reaches memory without hardware randomness, as the page has an id", () => {
  const { protection } = new SimulatedMachine({ hardware: false }).open();
  assert.equal(protection.level, "memory");
  assert.deepEqual(protection.hardware, []);
});

const OBSTRUCTIONS: Record<Obstruction, RegExp> = {
  "no-device": /describe no VM generation ID device/,
  "not-root": /read by root only/,
  "no-dev-mem": /no \/dev\/mem/,
  "dev-mem-denied": /CAP_SYS_RAWIO is missing, or the kernel is locked down/,
  "page-denied": /CONFIG_IO_STRICT_DEVMEM/,
  "system-ram": /System RAM/,
  "other-page": /another page/,
  "zero-id": /all zeros/,
};

for (const [obstruction, reason] of Object.entries(OBSTRUCTIONS)) {
  test(`openMachine() lands at hedged, and says why, where there is ${obstruction}`, () => {
    const machine = new SimulatedMachine({
      obstruction: obstruction as Obstruction,
    });
    const { protection, ports } = machine.open();
    assert.equal(protection.level, "hedged");
    assert.equal(protection.confirmedBy, undefined);
    assert.equal(protection.notReached.length, 1);
    assert.equal(protection.notReached[0]!.level, "memory");
    assert.match(protection.notReached[0]!.reason, reason);
    assert.ok(protection.notReached[0]!.remedy.length > 0);
    assert.equal(ports!.unbuffered, true);
    assert.equal(new BaseCrng(ports!).getRandom(8).length, 8);
  });
}

test("openMachine() lands at kernel without hardware randomness and without a page", () => {
  const { protection } = new SimulatedMachine({
    hardware: false,
    obstruction: "no-device",
  }).open();
  assert.equal(protection.level, "kernel");
  assert.deepEqual(protection.notReached.map(({ level }) => level), [
    "memory",
    "hedged",
  ]);
});

test("openMachine() finds the page that another realm has mapped", () => {
  const machine = new SimulatedMachine();
  const shim = machine.shim(); // one process
  const look = {};
  const first = openMachine({}, { shim, look, clock: machine.clock });
  const again = openMachine({}, { shim, look, clock: machine.clock });
  const other = openMachine({}, { shim, clock: machine.clock });
  assert.equal(again.protection.level, "memory");
  assert.deepEqual(again.protection.device, first.protection.device);
  assert.equal(other.protection.level, "memory");
  assert.equal(other.protection.device, undefined);
});

test("openMachine() remembers why discovery failed, as it works once in a process", () => {
  const machine = new SimulatedMachine({ obstruction: "no-dev-mem" });
  const shim = machine.shim();
  const look = {};
  const first = openMachine({}, { shim, look });
  const again = openMachine({}, { shim, look });
  const other = openMachine({}, { shim });
  assert.deepEqual(again.protection, first.protection);
  assert.equal(again.protection.device!.path, "\\_SB.VGEN");
  assert.match(other.protection.notReached[0]!.reason, /discovery is closed/);
});

test("openMachine() maps the page through an inherited descriptor", () => {
  const machine = new SimulatedMachine({ obstruction: "not-root" });
  const { protection } = openMachine(
    { source: { descriptor: 3, address: SIMULATED_ADDRESS } },
    { shim: machine.shim() },
  );
  assert.equal(protection.level, "memory");
});

test("openMachine() throws where an inherited descriptor comes after discovery has ended", () => {
  const machine = new SimulatedMachine({ obstruction: "no-dev-mem" });
  const shim = machine.shim();
  openMachine({}, { shim });
  const source = { descriptor: 3, address: SIMULATED_ADDRESS };
  assert.throws(() => openMachine({ source }, { shim }), ProtectionError);
});

test("openMachine() throws where there is no shim to give an inherited descriptor to", () => {
  const source = { descriptor: 3, address: SIMULATED_ADDRESS };
  const shim = { reason: "there is none", remedy: "one" };
  assert.throws(
    () => openMachine({ source }, { shim }),
    (error) =>
      error instanceof ProtectionError && /there is none/.test(error.message),
  );
});

test("openMachine() seals the shim also where the program has a source of its own", () => {
  const shim = new SimulatedMachine().shim();
  openMachine({ source: new SimulatedMachine().source }, { shim });
  assert.equal(shim.symbols.vmfork_status() & 1, 1);
});

test("openMachine() claims nothing for entropy of the program's own without a timely source with an id", () => {
  const { source, entropy } = new SimulatedMachine();
  const like = (replace: object): typeof source => ({
    name: "own",
    timely: true,
    generation: () => 1,
    uniqueId: (into) => source.uniqueId(into),
    changed: (known, signal) => source.changed(known, signal),
    ...replace,
  });
  assert.equal(
    openMachine({ source: like({}), entropy }).protection.level,
    "memory",
  );
  for (
    const own of [
      undefined,
      like({ timely: false }),
      like({ uniqueId: () => 0 }),
    ]
  ) {
    const { protection, ports } = openMachine({ source: own, entropy });
    assert.equal(protection.level, "none");
    assert.equal(ports, undefined);
    assert.equal(protection.notReached.length, 3);
  }
});

test("openMachine() needs an id or tested hardware randomness for memory", () => {
  const source = {
    name: "counter",
    timely: true,
    generation: () => 1,
    uniqueId: () => 0,
    changed: () => Promise.resolve(1),
  };
  const open = (hardware: boolean): string =>
    openMachine({ source }, { shim: new SimulatedMachine({ hardware }).shim() })
      .protection.level;
  assert.equal(open(true), "memory");
  assert.equal(open(false), "kernel");
});

test("openMachine() finds the page that another realm maps while it looks itself", () => {
  const machine = new SimulatedMachine();
  const shim = machine.shim();
  const racing = {
    ...shim,
    symbols: {
      ...shim.symbols,
      // Between this realm's look at the tables and its own call, the other one maps.
      vmfork_open_memory: (): number => {
        shim.symbols.vmfork_open_memory();
        shim.symbols.vmfork_map(SIMULATED_ADDRESS, new Uint8Array(1));
        return -1;
      },
    },
  };
  assert.equal(openMachine({}, { shim: racing }).protection.level, "memory");
});

test("openMachine() says so where another realm has ended discovery meanwhile", () => {
  const shim = new SimulatedMachine().shim();
  const racing = {
    ...shim,
    symbols: {
      ...shim.symbols,
      vmfork_map: (): number => {
        shim.symbols.vmfork_seal();
        return -1;
      },
    },
  };
  const { protection } = openMachine({}, { shim: racing });
  assert.match(protection.notReached[0]!.reason, /discovery is closed/);
});

test("openMachine() throws where an inherited descriptor cannot be used", () => {
  for (
    const [errno, reason] of [[22, /not \/dev\/mem/], [9, /not open/]] as const
  ) {
    assert.throws(
      () =>
        openWith({ vmfork_adopt_memory: () => -errno }, {
          source: { descriptor: 3, address: 8n },
        }),
      (error) =>
        error instanceof ProtectionError && error.remedy === "permit" &&
        reason.test(error.message),
    );
  }
});

test("openMachine() says that the address which a parent has passed on may be wrong", () => {
  assert.throws(
    () =>
      openWith({ vmfork_map: () => -22 }, {
        source: { descriptor: 3, address: 4n },
      }),
    (error) =>
      error instanceof ProtectionError && /a wrong one/.test(error.message),
  );
});

test("openMachine() reports an errno that it has no words for", () => {
  const { protection } = openWith({ vmfork_open_memory: () => -121 });
  assert.match(
    protection.notReached[0]!.reason,
    /vmfork_open_memory.*errno 121/,
  );
});

test("openMachine() reports tables that cannot be understood", () => {
  const { protection } = openWith({
    vmfork_read_table: (_name, into) => {
      into.set(new Uint8Array(40).fill(0xff));
      return 40;
    },
  });
  assert.equal(protection.level, "hedged");
  assert.match(protection.notReached[0]!.reason, /cannot be understood/);
});

test("openMachine() takes a page for late where it is not ordinary memory", () => {
  const shim = { ...new SimulatedMachine().shim(), cachedPages: false };
  const { protection, ports } = openMachine({}, { shim });
  assert.equal(protection.level, "hedged");
  assert.equal(protection.source, "vmgenid");
  assert.match(protection.notReached[0]!.reason, /may show a fork late/);
  assert.equal(ports!.unbuffered, true);
});

test("openMachine() trusts a source that the program vouches for", () => {
  const { source } = new SimulatedMachine();
  const { protection } = openMachine({ source }, {
    shim: new SimulatedMachine().shim(),
  });
  assert.equal(protection.level, "memory");
  assert.equal(protection.confirmedBy, "caller");
});

test("openMachine() gives the shim back once, and also when opening fails", () => {
  let closed = 0;
  const shim = { ...new SimulatedMachine().shim(), close: () => void closed++ };
  const machine = openMachine({}, { shim });
  machine.close();
  machine.close();
  assert.equal(closed, 1);
  const broken = {
    ...shim,
    symbols: {
      ...shim.symbols,
      vmfork_hardware: (): number => {
        throw new TypeError("broken");
      },
    },
  };
  assert.throws(() => openMachine({}, { shim: broken }), TypeError);
  assert.equal(closed, 2);
});

test("The shim's refusals at a draw are ProtectionErrors with a ShimError behind", () => {
  const failing = openWith({ vmfork_seed: () => -5 });
  assert.throws(
    () => new BaseCrng(failing.ports!).getRandom(4),
    (error) =>
      error instanceof ProtectionError && error.code === "entropy-failed" &&
      error.cause instanceof ShimError && error.cause.errno === "EIO",
  );
  const noId = openWith({ vmfork_unique_id: () => -61 });
  assert.throws(
    () => new BaseCrng(noId.ports!).getRandom(4),
    (error) =>
      error instanceof ProtectionError &&
      error.code === "generation-unreadable",
  );
});
