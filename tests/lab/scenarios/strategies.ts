/**
 * An attacker has the whole snapshot and the new id: which draws of a clone
 * can be predicted, strategy by strategy?
 *
 * The attacker also knows what the source machine drew, as one would from
 * session ids: that tells the keys from all other bytes of the image. What the
 * clone draws is only compared with the predictions.
 */

import assert from "node:assert/strict";
import { drawsFrom, injected, keyAfterRefill } from "../attacker/generator.ts";
import { findKeys, type Search } from "../attacker/keys.ts";
import { ramPages } from "../attacker/pages.ts";
import { SIZE, STRATEGIES } from "../guest/strategies.ts";
import { bundle } from "../room/bundle.ts";
import { guidBytes, newGuid } from "../room/guid.ts";
import { say } from "../room/progress.ts";
import type { Room } from "../room/room.ts";
import type { Figures, Scenario } from "./scenario.ts";

/** How many of a clone's first draws are to be predicted. */
const FIRST = 10;
/** A draw that was going on at the snapshot may have taken the first place. */
const SLACK = 2;
/**
 * Nothing is drawn from the keys of a snapshot that lands between the last refill and a timed reseed, so that
 * nobody can tell them: all generators reseed at the same time. Then another machine is taken.
 */
const SNAPSHOTS = 4;

/** See the file's head. */
export const strategies: Scenario = {
  name: "strategies",
  title: "The whole snapshot and the new id: what can be predicted",
  quick: true,
  run,
};

/** What became of one generator. */
interface Outcome {
  readonly strategy: string;
  readonly hardware: boolean;
  /** How many of its keys were in the image. */
  readonly keys: number;
  /** How many of the first draws were predicted. */
  readonly predicted: number;
  /** How many in a row, from the first. */
  readonly inARow: number;
  /** Until then, in milliseconds from the first draw. */
  readonly forMs: number;
}

/** What the guests sent, and the attacker's spoils. */
interface Evidence {
  readonly search: Search;
  readonly bytes: number;
  readonly seconds: number;
  /** The source's draws, by generator. */
  readonly recent: readonly ReadonlySet<string>[];
  /** The clone's draws, by generator. */
  readonly after: readonly (readonly string[])[];
  /** When the clone drew them. */
  readonly times: Float64Array;
  readonly id: Uint8Array;
}

async function run(room: Room): Promise<Figures> {
  const without = await attackUntilFound(room, "max,-rdrand,-rdseed");
  const withHardware = await attack(room, "max");
  const outcomes = [
    ...STRATEGIES.map((_, i) => judge(without, i, false)),
    ...STRATEGIES.map((_, i) => judge(withHardware, i, true)),
  ];
  const rows = [
    summarize(outcomes, "injection", false),
    summarize(outcomes, "input-pool", false),
    summarize(outcomes, "injection", true),
    summarize(outcomes, "input-pool", true),
  ];
  const [injection, inputPool, ...others] = rows;
  for (const { found, strategy } of [injection!, inputPool!]) {
    assert.ok(found > 0, `a key of ${strategy} is in the image`);
  }
  assert.equal(
    injection!.predicted,
    injection!.found * FIRST,
    "injection: first draws predicted from the keys that were found",
  );
  for (const { strategy, predicted } of [inputPool!, ...others]) {
    assert.equal(predicted, 0, `${strategy}: first draws predicted`);
  }
  return {
    tables: [
      {
        title: "What the snapshot and the new id tell of a clone's draws",
        columns: [
          "strategy",
          "CPU randomness",
          "keys found in the image",
          "first draws predicted",
          "predicted in a row",
          "for ms",
          "because",
        ],
        rows: rows.map((row) => [
          row.strategy,
          row.hardware,
          `${row.found} of ${row.generators}`,
          `${row.predicted} of ${row.generators * FIRST}`,
          row.inARow,
          Math.round(row.forMs),
          row.because,
        ]),
      },
      {
        title: "The attack",
        columns: ["figure", "without CPU randomness", "with it"],
        rows: describeAttack(without, withHardware),
      },
    ],
  };
}

async function attackUntilFound(
  room: Room,
  processor: string,
): Promise<Evidence> {
  for (let snapshot = 1;; snapshot++) {
    const evidence = await attack(room, processor);
    const found = STRATEGIES.filter((_, i) =>
      judge(evidence, i, false).keys > 0
    );
    if (new Set(found).size === new Set(STRATEGIES).size) return evidence;
    if (snapshot === SNAPSHOTS) return evidence;
    say("not every strategy has a key in the image: another snapshot");
  }
}

/** One machine, its snapshot, a clone, and the search of the whole image. */
async function attack(room: Room, processor: string): Promise<Evidence> {
  const source = await room.boot({
    name: "strategies",
    hardware: { memory: 128, vmgenid: newGuid(), processor },
    program: {
      command: "deno run -A strategies.js",
      files: { "strategies.js": await bundle("strategies.ts") },
    },
  });
  const hardware = JSON.parse(await source.receiveText("warm"));
  assert.equal(hardware.length > 0, processor === "max", "CPU randomness");

  const snapshot = await room.snapshot(source);
  await source.tell("recent?"); // it reads this when it runs on
  await source.resume();
  const recent = drawsOf(await source.receive("recent"));
  await room.end(source);

  const guid = newGuid();
  const clone = await room.clone(snapshot, guid);
  const after = drawsOf(await clone.receive("after"));
  const times = new Float64Array((await clone.receive("times")).buffer);
  await room.end(clone);

  const image = Deno.readFileSync(snapshot.file);
  room.discard(snapshot);
  say(`looking for keys in ${image.length} bytes`);
  const start = performance.now();
  const search = findKeys(ramPages(image), new Set(recent.flat()));
  return {
    search,
    bytes: image.length,
    seconds: (performance.now() - start) / 1_000,
    recent: recent.map((draws) => new Set(draws)),
    after,
    times,
    id: guidBytes(guid),
  };
}

/** What the attacker can do with the keys of one generator. */
function judge(evidence: Evidence, index: number, hardware: boolean): Outcome {
  const { search, recent, after, times, id } = evidence;
  const keys = search.found
    .filter(({ draw }) => recent[index]!.has(draw))
    .map(({ key }) => key);
  // The snapshot may have landed between a refill's start and its end.
  const starts = keys.flatMap((key) => [key, keyAfterRefill(key)]);
  // As if the clone had injected its id, and as if it had not noticed.
  const guesses = starts.flatMap((key) => [injected(key, id), key]);
  const draws = after[index]!;
  let [predicted, inARow] = [0, 0];
  for (const guess of guesses) {
    predicted = Math.max(predicted, countFirst(guess, draws));
    inARow = Math.max(inARow, countInARow(guess, draws));
  }
  return {
    strategy: STRATEGIES[index]!,
    hardware,
    keys: keys.length,
    predicted,
    inARow,
    forMs: inARow === 0 ? 0 : times[inARow - 1]! - times[0]!,
  };
}

/** How many of the first draws are among those predicted first. */
function countFirst(
  key: Uint8Array<ArrayBuffer>,
  draws: readonly string[],
): number {
  const stream = drawsFrom(key, SIZE);
  const predicted = new Set(
    Array.from({ length: FIRST + SLACK }, () => stream.next().value),
  );
  return draws.slice(0, FIRST).filter((draw) => predicted.has(draw)).length;
}

/** How many draws the prediction follows, refill after refill. */
function countInARow(
  key: Uint8Array<ArrayBuffer>,
  draws: readonly string[],
): number {
  for (let skip = 0; skip <= SLACK; skip++) {
    const stream = drawsFrom(key, SIZE);
    for (let i = 0; i < skip; i++) stream.next();
    const end = draws.findIndex((draw) => stream.next().value !== draw);
    if (end !== 0) return end === -1 ? draws.length : end;
  }
  return 0;
}

interface Row {
  readonly strategy: string;
  readonly hardware: boolean;
  readonly generators: number;
  readonly found: number;
  readonly predicted: number;
  readonly inARow: number;
  readonly forMs: number;
  readonly because: string;
}

function summarize(
  outcomes: readonly Outcome[],
  strategy: "injection" | "input-pool",
  hardware: boolean,
): Row {
  const of = outcomes.filter((outcome) =>
    outcome.strategy === strategy && outcome.hardware === hardware
  );
  const most = (key: "inARow" | "forMs"): number =>
    Math.max(...of.map((outcome) => outcome[key]));
  return {
    strategy,
    hardware,
    generators: of.length,
    found: of.filter(({ keys }) => keys > 0).length,
    predicted: of.reduce((sum, outcome) => sum + outcome.predicted, 0),
    inARow: most("inARow"),
    forMs: most("forMs"),
    because: hardware
      ? "each refill takes a nonce from the CPU, which is not in the image: not even a key can be told from other bytes"
      : strategy === "injection"
      ? "key and id are all that goes in, until the first timed reseed"
      : "getrandom() of after the fork goes in; the kernel's own key, which is in the image too, was not tried",
  };
}

function describeAttack(...both: Evidence[]): (string | number)[][] {
  const row = (
    name: string,
    figure: (evidence: Evidence) => number,
  ): (string | number)[] => [name, ...both.map(figure)];
  return [
    row("bytes of the snapshot", ({ bytes }) => bytes),
    row("pages that are not all zeros", ({ search }) => search.pages),
    row("windows tried as a key: all that look random", ({ search }) => {
      return search.tried;
    }),
    row("draws of the source that are known", ({ recent }) => {
      return recent.reduce((sum, draws) => sum + draws.size, 0);
    }),
    row("second keys: a refill going on, or a key not erased", secondKeys),
    row("seconds of search", ({ seconds }) => Math.round(seconds)),
  ];
}

/** During a refill there are two keys, the old one and the next; at other times the old one is to be gone. */
function secondKeys({ search, recent }: Evidence): number {
  return recent.reduce((sum, draws) => {
    const keys = search.found.filter(({ draw }) => draws.has(draw)).length;
    return sum + Math.max(0, keys - 1);
  }, 0);
}

/** Rounds of one draw a generator, as the guest sends them. */
function drawsOf(bytes: Uint8Array): string[][] {
  return STRATEGIES.map((_, generator) => {
    const draws: string[] = [];
    const round = STRATEGIES.length * SIZE;
    for (let at = generator * SIZE; at < bytes.length; at += round) {
      draws.push(bytes.subarray(at, at + SIZE).toHex());
    }
    return draws;
  });
}
