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

/** Runs a program of this folder in a process of its own; a prompt would hang it, so that it has no input. */
export async function runDeno(
  program: string,
  flags: readonly string[],
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Run> {
  const audit = await Deno.makeTempFile();
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
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
