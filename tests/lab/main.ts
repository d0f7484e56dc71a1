/**
 * The lab: real VM forks, measured.
 *
 *     deno run -A tests/lab/main.ts --list
 */

import { AssertionError } from "node:assert";
import { parseArgs } from "node:util";
import settings from "../../deno.json" with { type: "json" };
import type { Figures, LabReport, ScenarioResult } from "./figures.ts";
import { describeFigures } from "./print.ts";
import { writeReport } from "./report/mod.ts";
import { cleanUp, isEnding, watchSignals } from "./room/cleanup.ts";
import {
  MachineError,
  PrerequisiteError,
  ProgramError,
} from "./room/errors.ts";
import { KEPT, PROJECT } from "./room/paths.ts";
import { seconds } from "./room/progress.ts";
import { Room } from "./room/room.ts";
import { describe } from "./room/runtimes.ts";
import { SCENARIOS } from "./scenarios/mod.ts";
import type { Scenario, ScenarioOptions } from "./scenarios/scenario.ts";

const USAGE = `Usage: deno run -A tests/lab/main.ts [options]

  --list          Show the scenarios and end
  --only NAME     Run one scenario (may be given again)
  --quick         The small form of the scenarios, for CI
  --clones N      Clones per snapshot, at least two
  --points N      Snapshots of the sweep
  --kernel FILE   Boot this kernel, with everything built in, where the
                  scenario is not about kernels
  --keep          Keep consoles, output and snapshots in .lab/kept`;

const REPORTS = `${PROJECT}/lab`;
/**
 * A guest may fall silent at any time, not at its start alone. A program that ends in it, and what a scenario
 * asserts, are never tried again.
 */
const TRIES = 2;

const { values } = readArguments();

if (values.help) {
  console.log(USAGE);
} else if (values.list) {
  for (const { name, title, quick } of SCENARIOS) {
    console.log(`${name.padEnd(16)} ${title}${quick ? " (quick)" : ""}`);
  }
} else {
  watchSignals();
  const code = await runAll();
  await cleanUp();
  Deno.exit(code);
}

async function runAll(): Promise<number> {
  const chosen = choose();
  const options: ScenarioOptions = {
    quick: values.quick,
    ...(values.clones && { clones: toCount("clones", values.clones, 2) }),
    ...(values.points && { points: toCount("points", values.points, 1) }),
  };
  let room: Room;
  try {
    room = await Room.open({
      keep: values.keep,
      ...(values.kernel !== undefined && { kernel: values.kernel }),
    });
  } catch (error) {
    if (!isEnding()) console.error(explain(error));
    return 1;
  }
  console.log(describe(room.runtimes));
  const results: ScenarioResult[] = [];
  for (const scenario of chosen) {
    results.push(await runOne(scenario, room, options));
    if (isEnding()) return 1;
  }
  if (room.retries > 0) {
    console.log(
      `Machines that fell silent or failed, and were started again: ${room.retries}`,
    );
  }
  const written = await writeReports(results, room);
  if (values.keep) console.log(`\nKept in ${KEPT}`);
  const failed = results.filter(({ passed }) => !passed).length;
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
  return written && failed === 0 ? 0 : 1;
}

async function runOne(
  scenario: Scenario,
  room: Room,
  options: ScenarioOptions,
): Promise<ScenarioResult> {
  const { name, title } = scenario;
  console.log(`\n${name}: ${title}`);
  const start = performance.now();
  const result = (
    rest: Pick<ScenarioResult, "passed" | "figures" | "error">,
  ): ScenarioResult => {
    return {
      name,
      title,
      seconds: (performance.now() - start) / 1000,
      ...rest,
    };
  };
  try {
    const figures = await runUntilAlive(scenario, room, options);
    for (const line of describeFigures(figures)) console.log(`  ${line}`);
    console.log(`  passed in ${seconds(performance.now() - start)}`);
    return result({ passed: true, figures });
  } catch (error) {
    if (!isEnding()) console.log(`  FAILED: ${explain(error)}`);
    return result({ passed: false, figures: {}, error: explain(error) });
  }
}

async function runUntilAlive(
  scenario: Scenario,
  room: Room,
  options: ScenarioOptions,
): Promise<Figures> {
  for (let attempt = 1;; attempt++) {
    try {
      return await scenario.run(room, options);
    } catch (error) {
      const again = error instanceof MachineError && !isEnding();
      if (!again || attempt === TRIES) throw error;
      room.retries++;
      console.log(`  once more: ${error.message}`);
    } finally {
      await room.clear();
    }
  }
}

/** Whether there is a report now: without one, what ran is still counted. */
async function writeReports(
  scenarios: readonly ScenarioResult[],
  room: Room,
): Promise<boolean> {
  try {
    const report: LabReport = {
      date: new Date().toISOString(),
      command: ["deno task lab", ...Deno.args].join(" "),
      versions: { ...await room.versions(), [settings.name]: settings.version },
      retries: room.retries,
      scenarios,
    };
    Deno.mkdirSync(REPORTS, { recursive: true });
    const file = `${REPORTS}/report.json`;
    Deno.writeTextFileSync(file, JSON.stringify(report, null, 1) + "\n");
    await writeReport(report, REPORTS);
  } catch (error) {
    console.error(`\nNo report: ${explain(error)}`);
    return false;
  }
  console.log(`\nReport in ${REPORTS}`);
  return true;
}

function choose(): Scenario[] {
  const names = values.only;
  const unknown = names.find((name) =>
    !SCENARIOS.some((scenario) => scenario.name === name)
  );
  if (unknown !== undefined) fail(`No scenario "${unknown}": see --list`);
  return SCENARIOS.filter(({ name, quick }) =>
    names.length > 0 ? names.includes(name) : quick || !values.quick
  );
}

/** What a person needs to know: a stack only where it is our own mistake. */
function explain(error: unknown): string {
  const known = error instanceof PrerequisiteError ||
    error instanceof MachineError || error instanceof ProgramError ||
    error instanceof AssertionError;
  if (!(error instanceof Error)) return String(error);
  return known ? error.message : error.stack ?? error.message;
}

function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      options: {
        help: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
        quick: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        clones: { type: "string" },
        points: { type: "string" },
        kernel: { type: "string" },
      },
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function toCount(name: string, text: string, least: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= least) return count;
  return fail(
    `--${name} must be a whole number of at least ${least}: it is "${text}"`,
  );
}

function fail(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  Deno.exit(2);
}
