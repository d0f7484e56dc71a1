import assert from "node:assert/strict";
import { test } from "node:test";
import { ForkHistory } from "../../crng/fork_history.ts";
import type { GenerationSource } from "../../crng/mod.ts";

/** A source that says where its changes were seen. */
function seenBy(
  changedBy: (before: number, after: number) => string,
): GenerationSource {
  return {
    name: "test",
    timely: true,
    generation: () => 0,
    changedBy,
    uniqueId: () => 0,
    changed: () => Promise.reject(new Error("unused")),
  };
}

/**
 * What is told of these looks, each of which found that a source had changed, or several, one after another: the
 * count grows by as many.
 */
function seen(...looks: [by: string, when: number][]): string[] {
  const history = new ForkHistory();
  const reasons = [""];
  history.note(1);
  return looks.flatMap(([by, when]) => {
    if (by !== "") reasons.push(...by.split(" "));
    const count = reasons.length;
    const source = seenBy((before, after) =>
      reasons.slice(before, after).join("+")
    );
    const event = history.event(source, count, when);
    history.note(count, event);
    return event === undefined
      ? []
      : [`${event.before}-${event.after} ${event.source}`];
  });
}

test("ForkHistory tells of each change once", () => {
  assert.deepEqual(
    seen(["", 1], ["vmgenid", 2], ["", 3]),
    ["1-2 vmgenid"],
  );
});

test("ForkHistory tells of no first count", () => {
  const history = new ForkHistory();
  assert.equal(history.event(seenBy(() => "vmgenid"), 5, 0), undefined);
});

test("ForkHistory does not tell of the end of a quiesce, nor of several", () => {
  assert.deepEqual(seen(["resume", 1], ["resume resume", 2]), []);
});

test("ForkHistory tells of a fork beside the end of a quiesce, whichever came last", () => {
  assert.deepEqual(
    seen(["vmgenid resume", 1], ["resume vmclock", 2]),
    ["1-3 vmgenid", "3-5 vmclock"],
  );
});

test("ForkHistory takes what a late source shows within a second of a page for the same fork", () => {
  assert.deepEqual(
    seen(
      ["vmgenid", 100],
      ["acpi-events", 120],
      ["generation-file", 1099],
      ["acpi-events", 1100],
      ["acpi-events", 1101],
    ),
    ["1-2 vmgenid", "4-5 acpi-events", "5-6 acpi-events"],
  );
});

test("ForkHistory takes several late sources after a page for the same fork", () => {
  assert.deepEqual(
    seen(["vmclock", 10], ["acpi-events generation-file", 20]),
    ["1-2 vmclock"],
  );
});

test("ForkHistory tells of a page's change among those of late sources, and names them all", () => {
  assert.deepEqual(
    seen(["vmclock", 10], ["vmclock acpi-events", 20], ["acpi-events", 30]),
    ["1-2 vmclock", "2-4 vmclock+acpi-events"],
  );
});

test("ForkHistory names each place once", () => {
  assert.deepEqual(
    seen(["vmgenid vmgenid+acpi-events", 10]),
    ["1-3 vmgenid+acpi-events"],
  );
});

test("ForkHistory takes a page that changes together with a late source for a page", () => {
  assert.deepEqual(
    seen(
      ["vmgenid+acpi-events", 10],
      ["vmgenid+generation-file", 20],
      ["acpi-events+generation-file", 30],
    ),
    ["1-2 vmgenid+acpi-events", "2-3 vmgenid+generation-file"],
  );
});

test("ForkHistory does not take a late source's change for one that the program has told of", () => {
  assert.deepEqual(
    seen(["acpi-events", 20], ["notifyFork", 30], ["acpi-events", 40]),
    ["1-2 acpi-events", "2-3 notifyFork", "3-4 acpi-events"],
  );
});

test("ForkHistory that begins in a quiesce tells of a fork of that time, and of the resume alone not", () => {
  const source = {
    name: "test",
    timely: true,
    generation: () => 0,
    uniqueId: () => 0,
    changed: () => Promise.reject(new Error("unused")),
    quiesced: () => true,
  };
  const forked = new ForkHistory();
  forked.begin(source, 0);
  const event = { before: 6, after: 7, source: "vmgenid", when: 1 };
  assert.deepEqual(forked.event(seenBy(() => "vmgenid"), 7, 1), event);
  const resumed = new ForkHistory();
  resumed.begin(source, 0);
  assert.equal(resumed.event(seenBy(() => "resume"), 6, 1), undefined);
  const unreadable = new ForkHistory();
  unreadable.begin({ ...source, quiesced: () => false }, 0);
  assert.equal(unreadable.event(seenBy(() => "vmgenid"), 7, 1), undefined);
});

test("ForkHistory takes a quiesce that another thread ends while it begins for one", () => {
  let count = 0;
  const source: GenerationSource = {
    ...seenBy(() => "vmgenid"),
    generation: () => count,
    quiesced: () => {
      count = 7; // first the count, then the flag
      return false;
    },
  };
  const history = new ForkHistory();
  history.begin(source, 0);
  const event = { before: 6, after: 7, source: "vmgenid", when: 1 };
  assert.deepEqual(history.event(source, 7, 1), event);
});
