/**
 * Waits for a fork in the way that the host names, and says when it knew of it. A machine that was not
 * forked is told to stop, and to wait in the next way.
 */

import {
  forkGuard,
  getRandom,
  onVmFork,
  protection,
  ProtectionError,
  watchForks,
  withForkGuard,
} from "../../../mod.ts";
import { waitInShim } from "../../../ffi/shim/wait.ts";
import { thisRealm } from "../../../ffi/this_realm.ts";
import { poll, receive, send } from "./channel.ts";
import { openClockWitness } from "./clock_witness.ts";
import { openWitness } from "./witness.ts";

/** What a clone says. */
export interface Seen {
  /** Milliseconds from the fork until the program knew. */
  readonly afterMs: number;
  /** Where the fork was seen, as far as the program was told. */
  readonly source?: string;
  /** How often the work under a guard was done. */
  readonly runs?: number;
  /** What a guard of before the fork said, and the code of what it threw. */
  readonly forked: boolean;
  readonly code: string;
  /** A value of this clone's. */
  readonly value: string;
}

interface Found {
  /** When the program knew, on the clock that all threads share. */
  readonly at: number;
  readonly source?: string;
  readonly runs?: number;
  readonly value?: string;
}

/** The longest pause between two looks of the shim, in milliseconds: what ends such a wait sooner is no look. */
const RARELY_MS = 1_000;
const FOR_EVER = -1;

/** Undefined: the host has said stop. */
type Way = (signal: AbortSignal) => Found | undefined | Promise<Found>;

const WAYS: Readonly<Record<string, Way>> = {
  timer: (signal) => heard(signal, {}),
  wait: (signal) => heard(signal, { wait: true }),
  rarely: async (signal) => {
    const shim = thisRealm.lease().machine.shim!;
    const known = shim.symbols.vmfork_look();
    const how = { intervalMs: RARELY_MS, timeoutMs: FOR_EVER, signal };
    await waitInShim(shim, known, how);
    return { at: now() };
  },
  iterator: async (signal) => {
    for await (const { source } of watchForks({ signal })) {
      return { at: now(), source };
    }
    throw new Error("No fork");
  },
  guard: () => {
    const guard = forkGuard();
    send("watching", "");
    return waitWhile(() => !guard.forked) ? { at: now() } : undefined;
  },
  withForkGuard: () => {
    let runs = 0;
    let forked = false;
    const value = withForkGuard(() => {
      const value = getRandom(16).toHex();
      if (++runs === 1) {
        send("watching", "");
        forked = waitWhile(() => witness.count() === 1);
      }
      return value;
    });
    return forked ? { at: now(), runs, value } : undefined;
  },
};

const page = Deno.args[0] as "vmgenid" | "vmclock";
const witness = page === "vmgenid" ? openWitness() : openClockWitness();
const url = new URL("./watch_witness.js", import.meta.url);
const worker = new Worker(url, { type: "module" });
const ready = messageOf(worker);
worker.postMessage(page);
await ready;

getRandom(16);
send("level", protection().level);
while (true) {
  const way = WAYS[await receive()];
  if (way === undefined) continue;
  const forkedAt = messageOf(worker) as Promise<number>;
  const guard = forkGuard();
  const abort = new AbortController();
  const found = way(abort.signal);
  if (found instanceof Promise) send("watching", "");
  const first = found instanceof Promise
    ? await Promise.race([found, stop(abort.signal)])
    : found;
  abort.abort();
  if (first === undefined) continue;
  const { at, ...rest } = first;
  const seen: Seen = {
    afterMs: at - await forkedAt,
    forked: guard.forked,
    code: codeOf(() => guard.throwIfForked()),
    value: getRandom(16).toHex(),
    ...rest,
  };
  send("seen", JSON.stringify(seen));
}

function heard(
  signal: AbortSignal,
  options: { readonly wait?: boolean },
): Promise<Found> {
  return new Promise((resolve) => {
    const remove = onVmFork(
      ({ source }) => resolve({ at: now(), source }),
      options,
    );
    signal.addEventListener("abort", remove);
  });
}

/** Until the host says stop; never in a clone, which has nobody to say it. */
async function stop(signal: AbortSignal): Promise<undefined> {
  while (!signal.aborted && poll() !== "stop") {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Without a turn of the event loop; false once the host says stop. */
function waitWhile(condition: () => boolean): boolean {
  for (let i = 1; condition(); i++) {
    if (i % 64 === 0 && poll() === "stop") return false;
  }
  return true;
}

function codeOf(act: () => void): string {
  try {
    act();
    return "none";
  } catch (error) {
    return error instanceof ProtectionError ? error.code : String(error);
  }
}

function messageOf(worker: Worker): Promise<unknown> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
  });
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
