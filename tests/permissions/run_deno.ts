/** What a program said when it was run with exactly these flags. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The permissions that it used, as `kind value`. */
  readonly used: string[];
}

/** Far more than any of the programs takes. */
const TIMEOUT_MS = 60_000;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/**
 * What to run a program by so that the file system refuses it what the mode of a file does not allow: root has to give
 * up the right to go past modes, anybody else has none.
 */
export const BOUND_BY_MODES: readonly string[] = Deno.uid() === 0
  ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
  : [];

/**
 * Runs a program of this folder in a process of its own; a prompt would hang it, so that it has no input.
 *
 * @param by what to run it by, with its arguments
 */
export async function runDeno(
  program: string,
  flags: readonly string[],
  args: readonly string[] = [],
  env: Record<string, string> = {},
  by: readonly string[] = [],
): Promise<Run> {
  const audit = await Deno.makeTempFile();
  const [command, ...before] = [...by, Deno.execPath()];
  try {
    const { code, stdout, stderr } = await new Deno.Command(command!, {
      args: [
        ...before,
        "run",
        "--quiet",
        "--no-prompt",
        `--config=${CONFIG}`,
        ...flags,
        new URL(program, import.meta.url).pathname,
        ...args,
      ],
      env: { ...env, NO_COLOR: "1", DENO_AUDIT_PERMISSIONS: audit },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const lines = (await Deno.readTextFile(audit)).split("\n").filter(Boolean);
    const used = lines.map((line) => {
      const { permission, value } = JSON.parse(line);
      return `${permission} ${value}`;
    });
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr), used };
  } finally {
    await Deno.remove(audit);
  }
}
