import assert from "node:assert/strict";
import { test } from "node:test";
import { BaseCrng, ProtectionError } from "../../../crng/mod.ts";
import { openMachine } from "../../../ffi/mod.ts";
import { eventOf } from "../../../ffi/sources/acpi_events.ts";
import {
  SIMULATED_ADDRESS,
  SimulatedMachine,
} from "../../../ffi/testing/mod.ts";
import * as b from "../acpi/aml_builder.ts";
import { namesOf, openWith, shimWith, tables } from "./open_with.ts";

const events = ["vmgenid", "acpi-events"] as const;

test("eventOf() names the event whose count the kernel keeps", () => {
  assert.equal(eventOf("\\_GPE._E05"), "gpe05");
  assert.equal(eventOf("\\_GPE._L02"), "gpe02");
  assert.equal(eventOf("\\_GPE._EAF"), "gpeAF"); // drivers/acpi/sysfs.c: "gpe%02X"
  assert.equal(eventOf("\\_SB.GED._EVT"), "ged");
  assert.equal(eventOf("\\_SB.PCI0.GED1._EVT"), "ged");
  for (
    const other of [
      "",
      "\\_GPE._E5",
      "\\_GPE._Q05",
      "\\_GPE.SUB0._E05",
      "\\_SB.GPO0._E05", // a GPIO pin, or a GED's: which one, the path does not say
      "\\_GPE._E05.X",
      "\\_SB._EVTX",
    ]
  ) assert.equal(eventOf(other), undefined);
});

test("The ACPI event's count is a source for watchers, and leaves the level as it is", () => {
  const machine = openWith({ sources: events });
  assert.deepEqual(namesOf(machine), ["vmgenid", "acpi-events"]);
  assert.deepEqual(machine.protection.sources[1], {
    name: "acpi-events",
    timely: false,
    consulted: "watchers",
    confirmedBy: undefined,
    path: "/sys/firmware/acpi/interrupts/gpe05",
  });
  assert.equal(machine.protection.source, "vmgenid");
});

test("The ACPI event's count is there also where the page cannot be mapped", () => {
  const machine = openWith({ sources: events, obstruction: "page-denied" });
  assert.equal(machine.protection.level, "hedged");
  assert.equal(machine.protection.source, "acpi-events");
  assert.match(
    machine.protection.notReached[0]!.reason,
    /CONFIG_IO_STRICT_DEVMEM/,
  );
});

test("A machine without such a count is like one before, and says nothing of it", () => {
  const machine = openWith();
  assert.deepEqual(namesOf(machine), ["vmgenid"]);
  assert.deepEqual(machine.protection.notReached, []);
});

/** A DSDT with a device that a Generic Event Device notifies. */
const gedTable = b.table(
  {},
  b.device(
    "\\_SB.VGEN",
    b.name("_CID", b.string("VM_Gen_Counter")),
    b.name("ADDR", b.packageOf(2, b.int(0xdfff0), b.zero)),
  ),
  b.device(
    "\\_SB.GED",
    b.method("_EVT", 1, b.notify(b.path("\\_SB.VGEN"), b.int(0x80))),
  ),
);

test("The count of a Generic Event Device is in /proc/interrupts", () => {
  const watched: string[] = [];
  let attached = 0;
  const shim = shimWith();
  const { protection } = openMachine({}, {
    shim: {
      ...shim,
      symbols: {
        ...shim.symbols,
        vmfork_read_table: tables({ DSDT: gedTable }).read,
        vmfork_watch_events: (name) => {
          watched.push(new TextDecoder().decode(name));
          attached = 64;
          return 0;
        },
        vmfork_status: () => shim.symbols.vmfork_status() | attached,
      },
    },
  });
  assert.deepEqual(watched, ["ged\0"]);
  assert.equal(protection.sources[1]!.path, "/proc/interrupts");
});

/** A DSDT with a vmclock that a GPE notifies, and no VM generation ID. */
const notifyingClock = b.table(
  {},
  b.device(
    "\\_SB.VCLK",
    b.name("_CID", b.string("VMCLOCK")),
    b.name(
      "_CRS",
      b.buffer(b.hex("86 09 00 00 00 e0 0d 00 00 10 00 00 79 00")),
    ),
  ),
  b.method("\\_GPE._E05", 0, b.notify(b.path("\\_SB.VCLK"), b.int(0x80))),
);
const replace = { vmfork_read_table: tables({ DSDT: notifyingClock }).read };

test("A vmclock's event is no source beside its page: it comes for live migrations too", () => {
  const sources = ["vmclock", "acpi-events"] as const;
  assert.deepEqual(namesOf(openWith({ sources, replace })), ["vmclock"]);
});

test("A vmclock's event is a source where its page cannot be mapped", () => {
  const machine = openWith({ sources: ["acpi-events"], replace });
  assert.deepEqual(namesOf(machine), ["acpi-events"]);
});

test("A vmclock's event is a source beside its page if the program asks for it, before the first look", () => {
  const conditions = {
    sources: ["vmclock", "acpi-events"],
    replace,
  } as const;
  const options = { eventsAtDraws: true };
  const machine = openWith(conditions, options);
  assert.deepEqual(namesOf(machine), ["vmclock", "acpi-events"]);
  const shim = shimWith(conditions);
  const look = {};
  openMachine({}, { shim, look });
  assert.throws(
    () => openMachine(options, { shim, look }),
    /the page of the vmclock shows what its event is for/,
  );
});

test("A parent that passes memory on may say which event notifies the device", () => {
  const source = { descriptor: 3, address: SIMULATED_ADDRESS };
  const conditions = { sources: events, obstruction: "not-root" } as const;
  assert.deepEqual(namesOf(openWith(conditions, { source })), ["vmgenid"]);
  const notifiedBy = "\\_GPE._E05";
  assert.deepEqual(
    namesOf(openWith(conditions, { source: { ...source, notifiedBy } })),
    events,
  );
});

test("eventsAtDraws has draws look at the count", () => {
  const machine = openWith({ sources: events }, { eventsAtDraws: true });
  assert.equal(machine.protection.sources[1]!.consulted, "draws");
  assert.equal(machine.protection.level, "memory");
});

test("eventsAtDraws parts a generator from its earlier timeline at once, and without it the buffer repeats", () => {
  const draw = (eventsAtDraws: boolean, rolledBack: boolean): string => {
    const machine = new SimulatedMachine({ sources: events, eventsAtDraws });
    const crng = new BaseCrng(machine.ports());
    crng.getRandom(8);
    if (rolledBack) machine.rollBack();
    return crng.getRandom(8).join();
  };
  assert.notEqual(draw(true, true), draw(true, false));
  assert.equal(draw(false, true), draw(false, false)); // from the same buffer: the bound that the docs state
});

test("eventsAtDraws is an error where there is no count to look at", () => {
  const refused = (words: RegExp) => (error: unknown): boolean =>
    error instanceof ProtectionError && error.code === "level-unavailable" &&
    /Cannot use the ACPI events at draws/.test(error.message) &&
    words.test(error.message);
  const options = { eventsAtDraws: true };
  assert.throws(
    () => openWith({}, options),
    refused(/shows no count of the ACPI event/),
  );
  const shim = shimWith({ obstruction: "no-device" });
  const look = {};
  openMachine({}, { shim, look }); // what this look met holds when the events are named later
  assert.throws(
    () => openMachine(options, { shim, look }),
    refused(/no ACPI event that the kernel counts/),
  );
  assert.throws(
    () => openWith({ obstruction: "not-root" }, options),
    refused(/read by root only/),
  );
  assert.throws(
    () =>
      openMachine(options, {
        shim: { reason: "there is none", remedy: "one" },
      }),
    refused(/there is none/),
  );
  const { source, entropy } = new SimulatedMachine();
  for (const own of [{ source }, { source, entropy }]) {
    assert.throws(
      () => openWith({}, { ...own, ...options }),
      refused(/of its own/),
    );
  }
});

test("eventsAtDraws may be asked for by one realm and not by another", () => {
  const shim = shimWith({ sources: events });
  const [draws, watchers] = [true, false].map((eventsAtDraws) =>
    openMachine({ eventsAtDraws }, { shim }).protection.sources[1]!.consulted
  );
  assert.deepEqual([draws, watchers], ["draws", "watchers"]);
});
