/// <reference lib="deno.worker" />

/**
 * One thread of the sweep: draws without pause, each draw between two looks of the lab's own witness. The library looks
 * for itself, in the draw: what it sees late, or not at all, must show.
 */

import { BaseCrng } from "../../../crng/mod.ts";
import { openMachine } from "../../../ffi/mod.ts";
import { Ring } from "./ring.ts";
import {
  type SweepMessage,
  type SweepStart,
  WINDOW,
} from "./sweep_messages.ts";
import { openWitness } from "./witness.ts";

/** Seconds of draws: on a busy machine the host's wish comes late. */
const KEPT = 524_288;
/** Draws after the fork that a clone reports, and some from before it. */
const AFTER = 512;
const BEFORE = 16;
const WARM = 20_000;
const CALLS = 20_000;
const ROUNDS = 5;
const CLOCKS = 20;

const { ports, protection } = openMachine();
if (ports === undefined) throw new Error("No protection at all");
const { source } = ports;
const crng = new BaseCrng(ports);
const witness = openWitness();

self.onmessage = (event: MessageEvent<SweepStart>) => void draw(event.data);

async function draw({ wishes, thread }: SweepStart): Promise<void> {
  const ring = new Ring(KEPT);
  const known = witness.count();
  const value = new Uint32Array(4);
  let wishesServed = 0;
  let holdAt = 0;
  let end = 0;
  const times = { fork: 0, seen: 0 };
  let lastMs = 0;
  let warmSince = 0;
  for (let sequence = 1;; sequence++) {
    const ms = performance.now();
    const before = witness.count();
    crng.getRandomValues(value);
    const after = witness.count();

    ring.add(sequence, before, after, value);
    if (end === 0 && after !== known) {
      times.fork = performance.timeOrigin + lastMs;
      times.seen = now();
      end = sequence + AFTER;
    }
    lastMs = ms;
    if (sequence === end) {
      const from = sequence - AFTER - BEFORE;
      return say({ records: ring.bytes(from, sequence + 1), times });
    }
    if (holdAt === 0 && Atomics.load(wishes, 0) !== wishesServed) {
      // The wish may come at once after the snapshot: draw on for a while.
      holdAt = sequence + AFTER;
    }
    if (sequence === holdAt) {
      holdAt = 0;
      Atomics.wait(wishes, 0, wishesServed + 1);
      wishesServed += 2;
      const first = Atomics.load(wishes, 1 + thread);
      const records = ring.bytes(first - WINDOW, first + WINDOW);
      say({ records, times });
      await giveWay();
    }
    if (sequence === WARM) warmSince = performance.now();
    if (sequence === 2 * WARM) {
      const each = (performance.now() - warmSince) / WARM;
      if (thread === 0) tellClock();
      say({ warm: { level: protection.level, share: checkMs() / each } });
    }
  }
}

/** The source has just stood still anyway: a thread that never yields frees nothing that it has handed over. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Records are handed over, not copied. */
function say(message: SweepMessage): void {
  self.postMessage(
    message,
    "records" in message ? [message.records.buffer] : [],
  );
}

/** Our clock beside that of the kernel's log: the shortest way counts. */
function tellClock(): void {
  using log = Deno.openSync("/dev/kmsg", { write: true });
  for (let i = 0; i < CLOCKS; i++) {
    const line = `<5>lab: clock ${now()}\n`;
    log.writeSync(new TextEncoder().encode(line));
  }
}

/** Milliseconds on a clock that all threads share. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

/** What one look at the source costs, once its code is warm. */
function checkMs(): number {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) source.generation();
    least = Math.min(least, (performance.now() - start) / CALLS);
  }
  return least;
}
