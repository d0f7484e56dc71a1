import { Buffer } from "node:buffer";
import { ProgramError } from "../room/errors.ts";
import type { Machine } from "../room/machine.ts";

interface ExecStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly "out-data"?: string;
  readonly "err-data"?: string;
}

const POLL_MS = 50;

/** Starts a shell command in a guest, by its agent. */
export async function startInGuest(
  machine: Machine,
  command: string,
): Promise<number> {
  const { pid } = await machine.agent("guest-exec", {
    "path": "/bin/sh",
    "arg": ["-c", command],
    "env": ["PATH=/usr/local/bin:/bin:/usr/bin:/sbin:/usr/sbin"],
    "capture-output": true,
  }) as { pid: number };
  return pid;
}

/** Runs a shell command in a guest to its end; what it printed. */
export async function runInGuest(
  machine: Machine,
  command: string,
): Promise<string> {
  const pid = await startInGuest(machine, command);
  while (true) {
    const status = await machine.agent("guest-exec-status", {
      pid,
    }) as ExecStatus;
    if (status.exited) {
      const out = decode(status["out-data"]);
      if (status.exitcode === 0) return out;
      throw new ProgramError(
        `"${command}" in ${machine.name}: status ${status.exitcode}: ${out}${
          decode(status["err-data"])
        }`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function decode(base64 = ""): string {
  return Buffer.from(base64, "base64").toString().trim();
}
