/**
 * Time per draw, ours and others', as one table with ratios. All numbers of a run belong together: machines
 * are noisy, so compare ratios and not nanoseconds of different runs.
 *
 * `deno task bench`, or `deno task bench --json`. On Node: `deno task bench:node`.
 *
 * @module
 */

import { race } from "./on_deno.ts";
import { report } from "./report.ts";

report(race);
