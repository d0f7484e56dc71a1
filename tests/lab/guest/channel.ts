/**
 * The guest's side of the channel, for Deno and Node alike.
 *
 * Nothing is written until {@linkcode send}: bytes in a buffer at the snapshot
 * would come out of every clone and look like repeats.
 */

import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";

const OUT = "/dev/lab/out";
const IN = "/dev/lab/in";

let input: number | undefined;
let output: number | undefined;
let rest = "";

/** Opens both ways for good: for who is about to lose the right to. */
export function openChannel(): void {
  input ??= openSync(IN, "r");
  output ??= openSync(OUT, "w");
}

/** Sends a named block to the host. */
export function send(name: string, content: Uint8Array | string): void {
  const bytes = typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
  const digest = createHash("sha256").update(bytes).digest("hex");
  const header = `lab1 ${name} ${bytes.length} ${digest}\n`;
  // One process at a time may hold the port, so that others want it back.
  const out = output ?? openSync(OUT, "w");
  writeAll(out, new TextEncoder().encode(header));
  writeAll(out, bytes);
  writeAll(out, new TextEncoder().encode("\n"));
  if (output === undefined) closeSync(out);
}

/** The next line that the host sent, or nothing; never waits. */
export function poll(): string | undefined {
  input ??= openSync(IN, "r");
  const buffer = new Uint8Array(256);
  const count = readSync(input, buffer);
  rest += new TextDecoder().decode(buffer.subarray(0, count));
  const end = rest.indexOf("\n");
  if (end === -1) return undefined;
  const line = rest.slice(0, end);
  rest = rest.slice(end + 1);
  return line;
}

/** Waits for a line from the host. */
export async function receive(): Promise<string> {
  while (true) {
    const line = poll();
    if (line !== undefined) return line;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done);
}
