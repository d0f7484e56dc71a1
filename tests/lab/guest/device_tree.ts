/**
 * Draws in an arm64 machine whose device tree describes a unique id, and tells what the kernel makes of that.
 * The argument says that the page can be mapped: then the lab's own eye reads it too.
 */

import {
  forkGuard,
  getRandom,
  onVmFork,
  protection,
  randomUint32,
  type VmForkEvent,
} from "../../../mod.ts";
import { send } from "./channel.ts";
import { serve } from "./draw_loop.ts";
import { openGetrandom } from "./getrandom.ts";
import { mapPage, PAGE } from "./map_page.ts";
import { source, uuidBytes } from "./sources.ts";

/** What a guest says of its kernel, and of what it was told. */
export interface Facts {
  /** Whether the kernel's vmgenid driver holds the device. */
  readonly driver: boolean;
  /** How often the device's interrupt came. */
  readonly interrupts: number;
  /** The id where the kernel's own copy of the tree says that it is, in hexadecimal. */
  readonly id: string;
  readonly events: readonly VmForkEvent[];
}

/** How often a hot loop called into the shim, and how long that took. */
export interface HotLoop {
  readonly questions: number;
  readonly draws: number;
  readonly seconds: number;
}

const QUESTIONS = 5_000_000;
const DRAWS = 100_000;
const ID_LENGTH = 16;

const id = Deno.args.includes("mapped") ? mapId() : new Uint8Array();
const getrandom = openGetrandom();
const events: VmForkEvent[] = [];
onVmFork((event) => {
  events.push(event);
  send("told", event.source);
});

const { arch } = Deno.build;
send("protection", JSON.stringify({ arch, ...protection() }));
await serve(
  {
    ours: source(() => getRandom(16), (bytes) => bytes),
    randomUUID: source(() => crypto.randomUUID(), uuidBytes),
    getrandom: source(() => getrandom(16), (bytes) => bytes),
  },
  undefined,
  {
    facts: () => JSON.stringify(facts()),
    hot: () => JSON.stringify(runHot()),
  },
);

function mapId(): Uint8Array {
  const reg = Deno.readFileSync("/proc/device-tree/vmgenid/reg");
  const address = Number(new DataView(reg.buffer).getBigUint64(0));
  const offset = address % PAGE;
  return new Uint8Array(
    mapPage("/dev/mem", address - offset),
    offset,
    ID_LENGTH,
  );
}

function facts(): Facts {
  const handlers = Deno.readTextFileSync("/proc/interrupts");
  // " 21:          1 GIC-0 132 Edge      vmgenid"
  const counted = /^ *\d+: +(\d+) .*vmgenid$/m.exec(handlers)?.[1];
  return {
    driver: counted !== undefined,
    interrupts: Number(counted ?? 0),
    id: id.slice().toHex(),
    events,
  };
}

/** As hot as Deno's own calls of foreign functions get: nothing stands between two of them. */
function runHot(): HotLoop {
  const start = performance.now();
  const guard = forkGuard();
  let forked = 0;
  for (let i = 0; i < QUESTIONS; i++) if (guard.forked) forked++;
  if (forked > 0) throw new Error("A fork in the hot loop");
  for (let i = 0; i < DRAWS; i++) randomUint32();
  const seconds = (performance.now() - start) / 1000;
  return { questions: QUESTIONS, draws: DRAWS, seconds };
}
