/** Every scenario, in the order to run them. */

import type { Scenario } from "./scenario.ts";
import { smoke } from "./smoke.ts";

/** The table that `main.ts` goes through. */
export const SCENARIOS: readonly Scenario[] = [smoke];
