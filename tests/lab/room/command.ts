/** Runs a host command to its end. */

import { onExit } from "./cleanup.ts";
import { PrerequisiteError } from "./errors.ts";

/** What {@linkcode run} may be told. */
export interface RunOptions {
  /** Added to the environment. */
  readonly env?: Record<string, string>;
  /** The folder to run in. */
  readonly cwd?: string;
  /** Bytes for its standard input. */
  readonly input?: Uint8Array;
}

/** Runs a command and returns its standard output as bytes. */
export async function runBytes(
  command: readonly string[],
  options: RunOptions = {},
): Promise<Uint8Array> {
  const [name = "", ...args] = command;
  const { input, ...rest } = options;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(name, {
      args,
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      ...rest,
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PrerequisiteError(`Cannot run "${name}": it is not installed`);
  }
  const forget = onExit(() => child.kill("SIGKILL"));
  try {
    const [, { code, stdout, stderr }] = await Promise.all([
      input === undefined ? undefined : feed(child.stdin, input),
      child.output(),
    ]);
    if (code === 0) return stdout;
    const said = new TextDecoder().decode(stderr).trim() ||
      new TextDecoder().decode(stdout).trim();
    const tail = said.split("\n").slice(-8).join("\n    ");
    throw new PrerequisiteError(
      `Command failed with status ${code}: ${command.slice(0, 2).join(" ")}` +
        (tail === "" ? "" : `\n    ${tail}`),
    );
  } finally {
    forget();
  }
}

/** Runs a command and returns its standard output as text. */
export async function run(
  command: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return new TextDecoder().decode(await runBytes(command, options));
}

async function feed(
  stdin: WritableStream<Uint8Array>,
  bytes: Uint8Array,
): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(bytes);
  await writer.close();
}
