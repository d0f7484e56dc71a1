import process from "node:process";
import { measure } from "./measure.ts";
import type { Goal, Race, Time } from "./race.ts";

const SIZES = [4, 16, 32, 64, 256, 4096, 65_536, 1_048_576];

/** Nanoseconds: of single results, and of draws by their size. */
interface Results {
  readonly single: Map<string, number>;
  readonly bySize: Map<number, Map<string, number>>;
}

function run({ single, drawing }: Race): Results {
  return {
    single: measure(single),
    bySize: new Map(SIZES.map((size) => [size, measure(drawing(size))])),
  };
}

function timeOf({ single, bySize }: Results, time: Time): number {
  // The check is a call in a loop; the loop is not part of it.
  if (time === "the check alone") {
    return single.get(time)! - single.get("an empty call")!;
  }
  return typeof time === "string"
    ? single.get(time)!
    : bySize.get(time[0])!.get(time[1])!;
}

function ratioOf(results: Results, { ours, theirs }: Goal): number {
  const base = typeof theirs === "number" ? theirs : timeOf(results, theirs);
  return timeOf(results, ours) / base;
}

function printDraws({ bySize }: Results): void {
  const names = [...bySize.get(SIZES[0]!)!.keys()];
  const row = (cells: string[]): void =>
    console.log(
      cells.map((cell, i) => i === 0 ? cell.padStart(8) : cell.padStart(18))
        .join(" "),
    );
  row(["bytes", ...names]);
  for (const [size, times] of bySize) {
    const ours = times.get("memory")!;
    row([
      String(size),
      ...names.map((name) => {
        const ns = times.get(name)!;
        return name === "memory"
          ? ns.toFixed(0)
          : `${ns.toFixed(0)} (${(ns / ours).toFixed(2)})`;
      }),
    ]);
  }
}

function print(race: Race, results: Results): void {
  console.log(
    `${race.runtime}: nanoseconds a draw; in brackets the ratio to \`memory\` (above 1: slower than ours)\n`,
  );
  printDraws(results);
  console.log();
  for (const [name, ns] of results.single) {
    console.log(`${name.padEnd(42)} ${ns.toFixed(1).padStart(8)} ns`);
  }
  console.log("\nGoals at level `memory` (ratio reached, limit)");
  for (const goal of race.goals) {
    const ratio = ratioOf(results, goal);
    console.log(
      `${ratio <= goal.limit ? "reached" : "MISSED "}  ${
        goal.name.padEnd(44)
      } ${ratio.toFixed(3)}  ${goal.limit.toFixed(3)}`,
    );
  }
}

function printJson(race: Race, results: Results): void {
  const goals = race.goals.map((goal) => ({
    name: goal.name,
    ratio: ratioOf(results, goal),
    limit: goal.limit,
  }));
  const single = Object.fromEntries(results.single);
  const bySize = Object.fromEntries(
    [...results.bySize].map((
      [size, times],
    ) => [size, Object.fromEntries(times)]),
  );
  const { runtime } = race;
  console.log(JSON.stringify({ runtime, single, bySize, goals }, null, 2));
}

/** Runs a race and prints its table, or its figures with `--json`. */
export function report(race: Race): void {
  const results = run(race);
  if (process.argv.includes("--json")) printJson(race, results);
  else print(race, results);
}
