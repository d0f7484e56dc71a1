/**
 * Draws from one source without pause until the machine is forked or told to
 * report, and then reports what it drew, also shortly before.
 *
 * The host sends `draw SOURCE COUNT`, waits for `warm`, stops the machine, and
 * sends `report` to clones that cannot see the fork. `next` ends the drawing in
 * the machine that was not forked.
 */

import { poll, receive, send } from "./channel.ts";
import { makePosition } from "./position.ts";
import { packRecords } from "./records.ts";

/** Something that draws values, and what their bytes are. */
export interface Source<T = unknown> {
  /** Draws a value: text, bytes or whatever the source has. */
  draw(): T;
  /** At least 16 bytes of the value, looked for after the run. */
  bytes(value: T): Uint8Array;
  /** How many draws make it warm. */
  readonly warm: number;
}

interface Entry {
  readonly sequence: number;
  readonly before: number;
  readonly after: number;
  readonly ms: number;
  readonly value: unknown;
}

/** Draws from before the report that are kept. */
const KEPT = 16_384;
const LOOK_EVERY = 16;

/**
 * Serves the host's wishes for ever.
 *
 * @param sources by the names that the host uses
 * @param count how many unique ids were seen, where the guest can tell
 * @param answers what to send when the host asks for it by name
 */
export async function serve(
  sources: Readonly<Record<string, Source>>,
  count: () => number = () => 1,
  answers: Readonly<Record<string, () => string>> = {},
): Promise<never> {
  const position = makePosition();
  send("ready", "");
  while (true) {
    const [word, name = "", amount] = (await receive()).split(" ");
    if (word !== "draw") {
      const answer = answers[word];
      if (answer !== undefined) send(word, answer());
      continue;
    }
    const source = sources[name];
    if (source === undefined) throw new Error(`No source "${name}"`);
    const entries = drawUntilTold(source, Number(amount));
    const records = entries.map((entry) => ({
      ...entry,
      value: source.bytes(entry.value),
    }));
    send("records", packRecords(records));
  }

  function drawUntilTold({ draw, warm }: Source, amount: number): Entry[] {
    const ring: Entry[] = [];
    const fresh: Entry[] = [];
    const known = count();
    let told = 0;
    for (let sequence = 1;; sequence++) {
      if (sequence % LOOK_EVERY === 0 && fresh.length === 0) {
        const line = poll();
        if (line === "next") return [];
        if (line === "report") told = 1;
      }
      position.set(sequence);
      const before = count() + told;
      const value = draw();
      const after = count() + told;
      const entry = { sequence, before, after, ms: performance.now(), value };
      if (before === known) {
        ring[sequence % KEPT] = entry;
      } else if (fresh.push(entry) === amount) {
        ring.sort((a, b) => a.sequence - b.sequence);
        return [...ring.filter((entry) => entry !== undefined), ...fresh];
      }
      if (sequence === warm) send("warm", "");
    }
  }
}
