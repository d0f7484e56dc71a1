/**
 * QEMU's test protocol over a unix socket: a line a command, answered by a line. It reaches what guests take
 * for hardware, also while the processors stand still (`system/qtest.c` in QEMU's source).
 */

import { MachineError } from "./errors.ts";
import { lines } from "./lines.ts";
import { writeAll } from "./qmp.ts";

/** One connection. */
export class Qtest {
  readonly #connection: Deno.UnixConn;
  readonly #answers: AsyncGenerator<string>;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
    this.#answers = lines(connection);
  }

  /** Connects. */
  static async open(path: string): Promise<Qtest> {
    return new Qtest(await Deno.connect({ transport: "unix", path }));
  }

  /** Executes a command that answers nothing but that it was done. */
  async execute(command: string): Promise<void> {
    const line = new TextEncoder().encode(`${command}\n`);
    await writeAll(this.#connection, line);
    const { value, done } = await this.#answers.next();
    if (!done && value.trim() === "OK") return;
    throw new MachineError(`QEMU's test protocol: ${command}: ${value}`);
  }

  /** Closes the connection. */
  close(): void {
    try {
      this.#connection.close();
    } catch {
      // QEMU was quicker.
    }
  }
}
