/** Every scenario, in the order to run them. */

import { clones } from "./clones.ts";
import { deviceTree } from "./device_tree.ts";
import { firstDraw } from "./first_draw.ts";
import { fleet } from "./fleet.ts";
import { freezeHook } from "./freeze_hook.ts";
import { guardian } from "./guardian.ts";
import { generationFile } from "./generation_file.ts";
import { inherited } from "./inherited.ts";
import { machines } from "./machines.ts";
import { noHardware } from "./no_hardware.ts";
import { quiesce } from "./quiesce.ts";
import { rollback } from "./rollback.ts";
import { sameId } from "./same_id.ts";
import type { Scenario } from "./scenario.ts";
import { smoke } from "./smoke.ts";
import { strategies } from "./strategies.ts";
import { sweep } from "./sweep.ts";
import { vmclock } from "./vmclock.ts";
import { vmclockNotified } from "./vmclock_notified.ts";
import { watch } from "./watch.ts";

/** The table that `main.ts` goes through. */
export const SCENARIOS: readonly Scenario[] = [
  smoke,
  clones,
  sweep,
  firstDraw,
  sameId,
  fleet,
  machines,
  inherited,
  noHardware,
  strategies,
  guardian,
  freezeHook,
  vmclock,
  vmclockNotified,
  generationFile,
  watch,
  rollback,
  quiesce,
  deviceTree,
];
