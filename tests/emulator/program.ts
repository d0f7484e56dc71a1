/**
 * Draws, is cloned, and draws on in both images, each of which writes what it
 * drew after the clone to a file of its own.
 *
 * Between the clone and the end there are synchronous calls only: the second
 * image has but one thread.
 */

import type { Order, Written } from "./emulator.ts";
import { openEmulator } from "./library.ts";
import { type Source, SOURCES } from "./sources.ts";

const order: Order = JSON.parse(Deno.args[0] ?? "{}");
const emulator = openEmulator(order.library, order.door);
const source: Source = SOURCES[order.source]();

const warm = Array.from({ length: order.warm }, () => source.draw());
write("warm"); // the way out is in use before the clone

const child = emulator.clone();
const image = child === 0 ? "second" : "first";
if (order.changed.includes(image)) {
  source.page?.change(image === "first" ? 1 : 2);
}
const draws = Array.from({ length: order.draws }, () => source.draw());
write(image);
emulator.end(child);

function write(name: string): void {
  const written: Written = {
    pid: emulator.pid(),
    unwiped: emulator.unwiped(),
    hardware: source.hardware ?? [],
    draws: name === "warm" ? warm : draws,
  };
  Deno.writeTextFileSync(`${order.folder}/${name}`, JSON.stringify(written));
}
