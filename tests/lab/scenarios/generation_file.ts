/** No page at all: a platform's agent in the guest counts up a file after resume. */

import assert from "node:assert/strict";
import type { Protection } from "../../../mod.ts";
import type { Heard } from "../guest/generation_file.ts";
import { type DrawRecord, unpackRecords } from "../guest/records.ts";
import { bundle } from "../room/bundle.ts";
import type { Room } from "../room/room.ts";
import { compare, positionOf } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";

const FILE = "/tmp/generation";
const MOST = 2_000;

/** See the file's head. */
export const generationFile: Scenario = {
  name: "generation-file",
  title: "No page: an agent in the guest counts up a file after resume",
  quick: false,
  run,
};

interface Setting {
  readonly format: "text" | "u32" | "u64";
  /** Shell commands that write the first and the second generation. */
  readonly first: string;
  readonly second: string;
}

/** Text is replaced, as careful agents do; a number is written in place, so that it is never half there. */
const SETTINGS: readonly Setting[] = [
  {
    format: "text",
    first: `echo 41 >${FILE}`,
    second: `echo 42 >${FILE}.new; mv ${FILE}.new ${FILE}`,
  },
  ...([["u32", 4], ["u64", 8]] as const).map(([format, size]) => ({
    format,
    first: `printf '\\1${"\\0".repeat(size - 1)}' >${FILE}`,
    second: `printf '\\2' | dd of=${FILE} conv=notrunc 2>/dev/null`,
  })),
];

type Row = (string | number)[];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const rows: Row[] = [];
  for (const setting of quick ? SETTINGS.slice(0, 1) : SETTINGS) {
    rows.push(await runOne(room, setting));
  }
  const columns = [
    "format",
    "level",
    "consulted at",
    "told of",
    "guard from before",
    "draws until told",
    "draws",
    "equal",
  ];
  const title = "Two clones of a machine without a page";
  return { tables: [{ title, columns, rows }] };
}

async function runOne(room: Room, setting: Setting): Promise<Row> {
  const { format, first, second } = setting;
  const machine = await room.boot({
    name: "generation-file",
    hardware: { memory: 160 },
    program: {
      command: [
        first,
        // The agent: it hears of the fork from the platform, which is the host here.
        `(until [ -n "$(cat /dev/lab/in)" ]; do sleep 0.01; done; ${second}) &`,
        `exec deno run -A generation_file.js ${FILE} ${format}`,
      ].join("\n"),
      files: {
        "generation_file.js": await bundle("generation_file.ts"),
      },
    },
  });
  const { level, sources }: Protection = JSON.parse(
    await machine.receiveText("protection"),
  );
  assert.equal(level, "hedged");
  const source = sources.find(({ name }) => name === "generation-file");
  assert.deepEqual(
    { timely: source?.timely, consulted: source?.consulted },
    { timely: false, consulted: "draws" },
  );
  await machine.receive("warm");
  const snapshot = await room.snapshot(machine);
  const position = await positionOf(machine);
  await room.end(machine);
  const drawn: DrawRecord[][] = [];
  const heard: Heard[] = [];
  for (let i = 0; i < 2; i++) {
    const clone = await room.clone(snapshot);
    await clone.tell("fork");
    drawn.push(unpackRecords(await clone.receive("records")));
    const events: Heard[] = JSON.parse(await clone.receiveText("heard"));
    assert.equal(events.length, 1, "told once");
    heard.push(...events);
    await room.end(clone);
  }
  room.discard(snapshot);
  for (const { source, forked, code } of heard) {
    assert.deepEqual([source, forked, code], [
      "generation-file",
      true,
      "forked",
    ]);
  }
  const [a = [], b = []] = drawn;
  const { draws, equal } = compare(a, b, position, MOST);
  assert.equal(equal, 0, "equal draws");
  return [
    format,
    level,
    source!.consulted,
    heard[0]!.source,
    "forked",
    Math.max(...heard.map(({ sequence }) => sequence - position)),
    draws,
    equal,
  ];
}
