/** No page at all: a platform's agent in the guest counts up a file after resume. */

import assert from "node:assert/strict";
import type { Protection } from "../../../mod.ts";
import type { Heard } from "../guest/generation_file.ts";
import { type DrawRecord, unpackRecords } from "../guest/records.ts";
import { bundle } from "../room/bundle.ts";
import { countShared } from "../room/compare.ts";
import type { Room } from "../room/room.ts";
import { compare, keyOf, positionOf } from "./fork.ts";
import type { Figures, Scenario, ScenarioOptions } from "./scenario.ts";

const FILE = "/tmp/generation";
const MOST = 2_000;
const LATE_MS = 300;
const NO_HARDWARE = "max,-rdrand,-rdseed";

/** See the file's head. */
export const generationFile: Scenario = {
  name: "generation-file",
  title: "No page: an agent in the guest counts up a file after resume",
  quick: false,
  run,
};

interface Format {
  readonly format: "text" | "u32" | "u64";
  /** Shell commands that write the first and the second generation. */
  readonly first: string;
  readonly second: string;
}

/** Text is replaced, as careful agents do; a number is written in place, so that it is never half there. */
const FORMATS: readonly Format[] = [
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

interface Setting extends Format {
  readonly processor: string;
  readonly level: "hedged" | "kernel";
}

/** Where the CPU has RDRAND it parts the clones before the file tells; what follows must not repeat without it either. */
const SETTINGS: readonly Setting[] = [
  ...FORMATS.map((format) => ({
    ...format,
    processor: "max",
    level: "hedged" as const,
  })),
  { ...FORMATS[0]!, processor: NO_HARDWARE, level: "kernel" },
];

type Row = (string | number | boolean)[];

async function run(room: Room, { quick }: ScenarioOptions): Promise<Figures> {
  const rows: Row[] = [];
  const chosen = SETTINGS.filter(({ format }) => !quick || format === "text");
  for (const setting of chosen) {
    rows.push(await runOne(room, setting));
  }
  const columns = [
    "format",
    "RDRAND",
    "level",
    "consulted at",
    "told of",
    "guard from before",
    "draws until told",
    "draws",
    "equal",
    "equal once told",
  ];
  const title = "Two clones of a machine without a page";
  return { tables: [{ title, columns, rows }] };
}

async function runOne(room: Room, setting: Setting): Promise<Row> {
  const { format, first, second, processor, level } = setting;
  const machine = await room.boot({
    name: "generation-file",
    hardware: { memory: 160, processor },
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
  const protection: Protection = JSON.parse(
    await machine.receiveText("protection"),
  );
  assert.equal(protection.level, level);
  const source = protection.sources.find(({ name }) =>
    name === "generation-file"
  );
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
    // Platforms are late, and both clones draw meanwhile.
    await new Promise((resolve) => setTimeout(resolve, LATE_MS));
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
  // At level kernel nothing is promised until the file tells. Each draw takes its nonce of getrandom(2) there: some
  // repeat, until anybody else in one clone draws from that.
  if (level === "hedged") assert.equal(equal, 0, "equal draws");
  const [valuesA, valuesB] = [a.map(valueOf), b.map(valueOf)];
  const [toldA, toldB] = drawn.map((records, i) =>
    records.filter(({ sequence }) => sequence > heard[i]!.sequence)
      .map(valueOf)
  ) as [string[], string[]];
  const equalTold = countShared(valuesA, toldB) + countShared(valuesB, toldA);
  assert.equal(equalTold, 0, "equal draws of a clone that has been told");
  return [
    format,
    processor !== NO_HARDWARE,
    level,
    source!.consulted,
    heard[0]!.source,
    "forked",
    Math.max(...heard.map(({ sequence }) => sequence - position)),
    draws,
    equal,
    equalTold,
  ];
}

function valueOf({ value }: DrawRecord): string {
  return keyOf(value);
}
