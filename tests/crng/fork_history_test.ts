import assert from "node:assert/strict";
import { test } from "node:test";
import { ForkHistory } from "../../crng/fork_history.ts";

function seen(...steps: [count: number, by: string, when: number][]): string[] {
  const history = new ForkHistory();
  return steps.flatMap(([count, by, when]) => {
    const event = history.event(count, by, when);
    history.note(count, event);
    return event === undefined ? [] : [`${event.before}-${event.after} ${by}`];
  });
}

test("ForkHistory tells of each change once, and of no first count", () => {
  assert.deepEqual(
    seen([5, "", 0], [5, "vmgenid", 1], [6, "vmgenid", 2], [6, "vmgenid", 3]),
    ["5-6 vmgenid"],
  );
});

test("ForkHistory does not tell of the end of a quiesce, unless something else may hide behind it", () => {
  assert.deepEqual(
    seen([1, "", 0], [2, "resume", 1], [4, "resume", 2], [5, "vmgenid", 3]),
    ["2-4 resume", "4-5 vmgenid"],
  );
});

test("ForkHistory takes what a late source shows within a second of a page for the same fork", () => {
  assert.deepEqual(
    seen(
      [1, "", 0],
      [2, "vmgenid", 100],
      [3, "acpi-events", 120],
      [4, "generation-file", 1099],
      [5, "acpi-events", 1100],
      [6, "acpi-events", 1101],
    ),
    ["1-2 vmgenid", "4-5 acpi-events", "5-6 acpi-events"],
  );
});

test("ForkHistory tells of a late source's change if a page's may hide behind it", () => {
  assert.deepEqual(
    seen([1, "", 0], [2, "vmclock", 10], [4, "acpi-events", 20]),
    ["1-2 vmclock", "2-4 acpi-events"],
  );
});

test("ForkHistory takes a page that changes together with a late source for a page", () => {
  assert.deepEqual(
    seen(
      [1, "", 0],
      [2, "vmgenid+acpi-events", 10],
      [3, "vmgenid+generation-file", 20],
      [4, "acpi-events+generation-file", 30],
    ),
    ["1-2 vmgenid+acpi-events", "2-3 vmgenid+generation-file"],
  );
});
