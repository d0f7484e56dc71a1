/** What a guest of `guest/vmclock_notified.ts` sees, which waits, when the page of its vmclock changes. */

import assert from "node:assert/strict";
import type { Report } from "../guest/vmclock_notified.ts";
import { changePage } from "../room/host_page.ts";
import type { Machine } from "../room/machine.ts";
import type { Room } from "../room/room.ts";
import { forked, forkedToSilence, migrated } from "../room/vmclock_device.ts";

/** Longer than a clone takes to hear of its notification. */
const SETTLED_MS = 3_000;
/** For how long its use of a processor is measured, and how often at most: the engine compiles at times. */
const MEASURED_MS = 2_000;
const MEASURES = 5;
/** A wait that spins takes all of a processor, for ever. */
const CALM = 0.8;

/** What the hypervisor does to a clone, and what is to come of it. */
interface Event {
  readonly what: string;
  readonly change: (page: DataView) => void;
  /** Forks since the program began. */
  readonly forks: number;
  readonly disrupted: boolean;
  /** What happens to that clone then, in a clone of it. */
  readonly next?: Event;
}

const EVENTS: readonly Event[] = [
  {
    what: "a notification alone",
    change: () => {},
    forks: 0,
    disrupted: false,
  },
  {
    what: "a live migration",
    change: migrated,
    forks: 0,
    disrupted: true,
    next: {
      what: "a live migration, then a fork",
      change: forked,
      forks: 1,
      disrupted: true,
    },
  },
  {
    what: "a fork",
    change: forked,
    forks: 1,
    disrupted: true,
    next: {
      what: "a fork, then a fork of it",
      change: forked,
      forks: 2,
      disrupted: true,
    },
  },
  {
    what: "a fork to a host that does not notify",
    change: forkedToSilence,
    forks: 1,
    disrupted: true,
  },
];

const NOTHING = { what: "nothing", forks: 0, disrupted: false };

/** What the rows of {@linkcode tellOfEvents} say. */
export const EVENT_COLUMNS: readonly string[] = [
  "what happens",
  "notifications",
  "marker moved",
  "told of",
  "guard from before",
  "wait",
  "kernel reseeded",
  "processor, %",
];

type Row = (string | number | boolean)[];

/** A row for each event, and one before all. The machine is left standing still. */
export async function tellOfEvents(
  room: Room,
  machine: Machine,
): Promise<Row[]> {
  const before = rowOf(machine, await settle(machine), NOTHING, 0);
  return [before, ...await follow(room, machine, EVENTS, 1)];
}

/** Every machine hears of one notification more than the one that it is a clone of. */
async function follow(
  room: Room,
  machine: Machine,
  events: readonly Event[],
  notifications: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  const snapshot = await room.snapshot(machine);
  for (const event of events) {
    const clone = await room.prepareClone(snapshot);
    await changePage(clone, event.change);
    await clone.resume();
    rows.push(rowOf(clone, await settle(clone), event, notifications));
    if (event.next !== undefined) {
      rows.push(...await follow(room, clone, [event.next], notifications + 1));
    }
    await room.end(clone);
  }
  room.discard(snapshot);
  return rows;
}

type Settled = Report & { readonly processor: number };

/** What it says once all is quiet, and what part of a processor it then takes. */
async function settle(machine: Machine): Promise<Settled> {
  await pause(SETTLED_MS);
  let last = await report(machine);
  let processor = Infinity;
  for (let i = 0; i < MEASURES && processor > CALM; i++) {
    const before = last;
    await pause(MEASURED_MS);
    last = await report(machine);
    const used = last.processorMs - before.processorMs;
    processor = used / (last.at - before.at);
  }
  return { ...last, processor };
}

async function report(machine: Machine): Promise<Report> {
  await machine.tell("report");
  return JSON.parse(await machine.receiveText("report"));
}

function rowOf(
  machine: Machine,
  report: Settled,
  { what, forks, disrupted }: Pick<Event, "what" | "forks" | "disrupted">,
  notifications: number,
): Row {
  const { told, processor } = report;
  const sources = told.map(({ source }) => source);
  assert.deepEqual(sources, Array(forks).fill("vmclock"), `told of ${what}`);
  const seen = [report.forked, report.counted, report.woken];
  assert.deepEqual(seen, Array(3).fill(forks > 0), `seen of ${what}`);
  assert.equal(report.notifications, notifications, `notified of ${what}`);
  assert.equal(report.disrupted, disrupted, `marker after ${what}`);
  assert.ok(processor < CALM, `use of a processor after ${what}: ${processor}`);
  return [
    what,
    notifications,
    disrupted,
    forks === 0 ? "nothing" : sources.join(", "),
    report.forked ? "forked" : "fresh",
    report.woken ? "ended" : "goes on",
    machine.reseeds() > 0,
    Math.round(processor * 100),
  ];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
