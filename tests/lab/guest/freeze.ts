/** The example's service, and draws beside it in the same process: the host asks how they fare. */

import "../../../examples/quiesce/service.ts";
import { getRandom, protection, ProtectionError } from "../../../mod.ts";
import { poll, send } from "./channel.ts";

/** How the draws fare. */
export interface FreezeState {
  /** Draws that threw since the last one that did not. */
  readonly thrown: number;
  /** What the last of them said. */
  readonly code: string;
  /** What the service has told the hook. */
  readonly state: string;
}

/** The first draws after those that threw. */
export interface FreezeDraws {
  /** Ours. */
  readonly ours: readonly string[];
  /** Deno's own. */
  readonly control: readonly string[];
}

const AMOUNT = 200;
const PAUSE_MS = 5;

let thrown = 0;
let code = "";
let wanted = false;
let ours: string[] = [];
let control: string[] = [];

function draw(): void {
  try {
    const hex = getRandom(16).toHex(); // while it throws, nothing else is drawn either
    if (ours.length === 0) thrown = 0;
    if (ours.length === AMOUNT) return;
    ours.push(hex);
    control.push(crypto.randomUUID());
  } catch (error) {
    if (!(error instanceof ProtectionError)) throw error;
    thrown++;
    code = error.code;
    [ours, control] = [[], []];
  }
}

function serve(): void {
  draw();
  const line = poll();
  if (line === "state?") {
    const state = Deno.readTextFileSync("/run/vmfork-quiesce/state");
    send(
      "state",
      JSON.stringify({ thrown, code, state } satisfies FreezeState),
    );
  }
  wanted ||= line === "draws?";
  if (wanted && ours.length === AMOUNT) {
    wanted = false;
    send("draws", JSON.stringify({ ours, control } satisfies FreezeDraws));
  }
}

if (import.meta.main) {
  send("warm", protection().level);
  setInterval(serve, PAUSE_MS);
}
