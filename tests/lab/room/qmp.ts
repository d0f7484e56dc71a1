/** QEMU's machine protocol over a unix socket: JSON, one message a line. */

import { MachineError } from "./errors.ts";
import { lines } from "./lines.ts";

/** A message that QEMU sends unasked. */
export interface QmpEvent {
  /** `STOP`, `RESUME`, `MIGRATION` and so on. */
  readonly event: string;
  /** What the event says. */
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Reply {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const encoder = new TextEncoder();

/** One connection. */
export class Qmp {
  readonly #connection: Deno.UnixConn;
  readonly #waiting = new Map<number, Waiting>();
  readonly #events: QmpEvent[] = [];
  #id = 0;
  #closed = false;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  /** Connects and leaves the capability negotiation. */
  static async open(connection: Deno.UnixConn): Promise<Qmp> {
    const qmp = new Qmp(connection);
    void qmp.#listen();
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /** Every event so far. */
  get events(): readonly QmpEvent[] {
    return this.#events;
  }

  /** Executes a command and returns what QEMU answers. */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    timeoutMs: number = 30_000,
  ): Promise<unknown> {
    if (this.#closed) throw new MachineError(`QEMU is gone: ${command}`);
    const id = ++this.#id;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const timer = setTimeout(
      () => reject(new MachineError(`QEMU did not answer: ${command}`)),
      timeoutMs,
    );
    try {
      const message = JSON.stringify({ execute: command, arguments: args, id });
      await writeAll(this.#connection, encoder.encode(`${message}\n`));
      return await promise;
    } catch (error) {
      if (error instanceof MachineError) throw error;
      throw new MachineError(`QEMU is gone: ${command}`, { cause: error });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Executes a command of the human monitor. */
  async human(line: string): Promise<string> {
    const args = { "command-line": line };
    return String(await this.execute("human-monitor-command", args));
  }

  /** Closes the connection. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#connection.close();
    } catch {
      // QEMU was quicker.
    }
    for (const { reject } of this.#waiting.values()) {
      reject(new MachineError("QEMU is gone"));
    }
  }

  async #listen(): Promise<void> {
    try {
      for await (const line of lines(this.#connection)) {
        const reply = JSON.parse(line) as Reply;
        if (reply.event !== undefined) this.#events.push(reply as QmpEvent);
        if (reply.id === undefined) continue;
        const waiting = this.#waiting.get(reply.id);
        if (reply.error === undefined) waiting?.resolve(reply.return);
        else waiting?.reject(new MachineError(`QEMU: ${reply.error.desc}`));
      }
    } catch {
      // A reset by QEMU's death looks like an error, and is no news.
    }
    this.close();
  }
}

/** Writes all bytes to a connection. */
export async function writeAll(
  connection: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    done += await connection.write(bytes.subarray(done));
  }
}
