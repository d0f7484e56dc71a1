/** Draws, waits and says what it has seen, in a machine whose vmclock counts generations and notifies. */

import process from "node:process";
import {
  forkGuard,
  getRandom,
  onVmFork,
  protection,
  type VmForkEvent,
} from "../../../mod.ts";
import { STATUS_CLOCK_NOTIFIES } from "../../../ffi/shim/shim.ts";
import { waitInShim } from "../../../ffi/shim/wait.ts";
import { thisRealm } from "../../../ffi/this_realm.ts";
import { send } from "./channel.ts";
import { openClockWitness } from "./clock_witness.ts";
import { serve } from "./draw_loop.ts";
import { source } from "./sources.ts";

/** What the machine says of itself when asked. */
export interface Report {
  /** What listeners were told of so far. */
  readonly told: readonly VmForkEvent[];
  /** What a guard says that is as old as the program. */
  readonly forked: boolean;
  /** Whether the shim's count has grown, without which no generator reseeds for a fork. */
  readonly counted: boolean;
  /** Whether a wait that looks once a second has ended. */
  readonly woken: boolean;
  /** How often the kernel has handled the device's event. */
  readonly notifications: number;
  /** Whether the disruption marker has moved. */
  readonly disrupted: boolean;
  /** Processor time of the program so far, in milliseconds. */
  readonly processorMs: number;
  /** The guest's clock, in milliseconds. */
  readonly at: number;
}

const witness = openClockWitness();
const told: VmForkEvent[] = [];
onVmFork((event) => void told.push(event), { wait: true });
const guard = forkGuard();
const shim = thisRealm.lease().machine.shim!;
const { vmfork_look, vmfork_status } = shim.symbols;
const polls = (vmfork_status() & STATUS_CLOCK_NOTIFIES) !== 0;
const known = vmfork_look();
let woken = false;
const rarely = { intervalMs: 1_000, timeoutMs: -1, signal: undefined };
void waitInShim(shim, known, rarely).then(() => woken = true);

send("protection", JSON.stringify(protection()));
send("clock", JSON.stringify({ ...witness, polls }));

await serve(
  { ours: source(() => getRandom(16), (bytes) => bytes) },
  witness.count,
  { report: () => JSON.stringify(report()) },
);

function report(): Report {
  const { user, system } = process.cpuUsage();
  const events = "/sys/firmware/acpi/interrupts/gpe05";
  return {
    told,
    forked: guard.forked,
    counted: vmfork_look() !== known,
    woken,
    notifications: parseInt(Deno.readTextFileSync(events)),
    disrupted: witness.count() > 1,
    processorMs: (user + system) / 1000,
    at: performance.now(),
  };
}
