/** QEMU's guest agent over a unix socket: JSON, one message a line, answered in turn. */

import { MachineError, ProgramError } from "./errors.ts";
import { lines } from "./lines.ts";
import { writeAll } from "./qmp.ts";

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

const encoder = new TextEncoder();
const TIMEOUT_MS = 60_000;

/** One connection. */
export class Agent {
  readonly #connection: Deno.UnixConn;
  readonly #answers: AsyncGenerator<string>;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
    this.#answers = lines(connection);
  }

  /** Connects, and passes over what an earlier connection has left. */
  static async open(path: string): Promise<Agent> {
    const agent = new Agent(await Deno.connect({ transport: "unix", path }));
    const id = 1 + Math.floor(Math.random() * 2 ** 30);
    await agent.#send("guest-sync", { id });
    while ((await agent.#answer("guest-sync")).return !== id);
    return agent;
  }

  /** Executes a command and returns what the agent answers. */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    await this.#send(command, args);
    const { error, ...answer } = await this.#answer(command);
    if (error === undefined) return answer.return;
    throw new ProgramError(`The guest agent: ${command}: ${error.desc}`);
  }

  /** Closes the connection. */
  close(): void {
    try {
      this.#connection.close();
    } catch {
      // QEMU was quicker.
    }
  }

  async #send(command: string, args: object): Promise<void> {
    const message = JSON.stringify({ execute: command, arguments: args });
    await writeAll(this.#connection, encoder.encode(`${message}\n`));
  }

  async #answer(command: string): Promise<Answer> {
    const timer = setTimeout(() => this.close(), TIMEOUT_MS);
    try {
      const { value, done } = await this.#answers.next();
      if (!done) return JSON.parse(value) as Answer;
    } catch (cause) {
      throw new MachineError(`The guest agent: no answer to ${command}`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
    throw new MachineError(`The guest agent: ended at ${command}`);
  }
}
