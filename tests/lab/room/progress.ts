/** One line per long step, with its time; rewritten in place on a terminal. */

const encoder = new TextEncoder();
const terminal = Deno.stderr.isTerminal();

/** Runs a step, saying what it is and how long it took. */
export async function step<T>(
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  if (terminal) write(`  ${what} ...`);
  try {
    const result = await work();
    finish(`  ${what}: ${seconds(performance.now() - start)}`);
    return result;
  } catch (error) {
    finish(`  ${what}: failed after ${seconds(performance.now() - start)}`);
    throw error;
  }
}

/** Says one line that stays. */
export function say(line: string): void {
  finish(`  ${line}`);
}

/** Milliseconds as a person reads them. */
export function seconds(ms: number): string {
  return ms < 10_000
    ? `${(ms / 1000).toFixed(2)} s`
    : `${Math.round(ms / 1000)} s`;
}

/** Bytes as a person reads them. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function finish(line: string): void {
  write(terminal ? `\r\x1b[K${line}\n` : `${line}\n`);
}

function write(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}
