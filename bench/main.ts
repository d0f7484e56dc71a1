/**
 * Time per draw, ours and others', as one table with ratios. All numbers of a run belong together: machines
 * are noisy, so compare ratios and not nanoseconds of different runs.
 *
 * `deno task bench`, or `deno task bench --json`.
 *
 * @module
 */

import { drawing, memory, shim } from "./contestants.ts";
import { measure } from "./measure.ts";

const SIZES = [4, 16, 32, 64, 256, 4096, 65_536, 1_048_576];

/** A goal of the project: `ours` must be at most `limit` times `theirs`. */
interface Goal {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
  readonly limit: number;
}

function single(): Map<string, number> {
  const word = new Uint32Array(1);
  return measure([
    {
      name: "the check alone",
      run: () => void shim.symbols.vmfork_generation(),
    },
    { name: "an empty call", run: () => {} },
    { name: "randomUint32()", run: () => void memory.randomUint32() },
    {
      name: "crypto.getRandomValues(Uint32Array(1))",
      run: () => void crypto.getRandomValues(word),
    },
    { name: "randomUUID()", run: () => void memory.randomUUID() },
    { name: "crypto.randomUUID()", run: () => void crypto.randomUUID() },
    { name: "randomInt(0, 1000)", run: () => void memory.randomInt(0, 1000) },
  ]);
}

function goals(
  alone: Map<string, number>,
  bySize: Map<number, Map<string, number>>,
): Goal[] {
  const at = (size: number, name: string): number =>
    bySize.get(size)!.get(name)!;
  const perDraw = (size: number, other: string, limit: number): Goal => ({
    name: `${size} bytes against ${other}`,
    ours: at(size, "memory"),
    theirs: at(size, other),
    limit,
  });
  return [
    {
      name: "the check, in units of 10 ns",
      ours: alone.get("the check alone")! - alone.get("an empty call")!,
      theirs: 10,
      limit: 1,
    },
    {
      name: "a uint32 against crypto on a reused view",
      ours: alone.get("randomUint32()")!,
      theirs: alone.get("crypto.getRandomValues(Uint32Array(1))")!,
      limit: 0.4,
    },
    perDraw(16, "crypto", 0.8),
    perDraw(32, "crypto", 1.1),
    perDraw(4, "/dev/urandom", 1 / 6),
    perDraw(16, "/dev/urandom", 1 / 6),
    perDraw(32, "/dev/urandom", 1 / 6),
    perDraw(256, "/dev/urandom", 1 / 2),
    perDraw(65_536, "@noble", 1 / 1.3),
    perDraw(1_048_576, "@noble", 1 / 1.3),
  ];
}

function print(
  alone: Map<string, number>,
  bySize: Map<number, Map<string, number>>,
): void {
  console.log(
    "Nanoseconds a draw; in brackets the ratio to `memory` (above 1: slower than ours)\n",
  );
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
  console.log();
  for (const [name, ns] of alone) {
    console.log(`${name.padEnd(42)} ${ns.toFixed(1).padStart(8)} ns`);
  }
  console.log("\nGoals at level `memory` (ratio reached, limit)");
  for (const { name, ours, theirs, limit } of goals(alone, bySize)) {
    const ratio = ours / theirs;
    console.log(
      `${ratio <= limit ? "reached" : "MISSED "}  ${name.padEnd(44)} ${
        ratio.toFixed(3)
      }  ${limit.toFixed(3)}`,
    );
  }
}

if (import.meta.main) {
  const alone = single();
  const bySize = new Map(SIZES.map((size) => [size, measure(drawing(size))]));
  if (Deno.args.includes("--json")) {
    console.log(JSON.stringify(
      {
        deno: Deno.version.deno,
        single: Object.fromEntries(alone),
        bySize: Object.fromEntries(
          [...bySize].map(([size, times]) => [size, Object.fromEntries(times)]),
        ),
        goals: goals(alone, bySize),
      },
      null,
      2,
    ));
  } else print(alone, bySize);
}
