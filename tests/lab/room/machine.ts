/** One QEMU process: a guest that was booted, or a clone of one. */

import { Agent } from "./agent.ts";
import { onExit, remove } from "./cleanup.ts";
import { type Block, Decoder } from "./channel.ts";
import { MachineError, PrerequisiteError, ProgramError } from "./errors.ts";
import type { Hardware, MachineFiles } from "./hardware.ts";
import { exists } from "./paths.ts";
import { Qmp, writeAll } from "./qmp.ts";
import { Qtest } from "./qtest.ts";

/** The kernel's word for a fork that it has noticed. */
export const RESEEDED = "crng reseeded due to virtual machine fork";

/** What `guest/init` prints when the program is over. */
const ENDED = "lab: ended with status";

const POLL_MS = 10;
const JOB_TIMEOUT_MS = 120_000;
const STATE = "state";
/** The status of a QEMU that does not like its command line: no use in trying again. */
const REFUSED = 1;

interface Job {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
}

// So that no QEMU is left over even if the lab is killed outright.
const SETPRIV = "/usr/bin/setpriv";
const DIES_WITH_US = exists(SETPRIV) ? [SETPRIV, "--pdeathsig", "KILL"] : [];

/** How a machine is started. */
export interface Start {
  /** Said in messages. */
  readonly name: string;
  /** The whole command line. */
  readonly command: readonly string[];
  /** What the command line says. */
  readonly hardware: Hardware;
  /** Where its files are. */
  readonly files: MachineFiles;
  /** Whether the console and the output outlive it. */
  readonly keep: boolean;
}

/** A running QEMU. */
export class Machine {
  /** Said in messages. */
  readonly name: string;
  /** What it is made of. */
  readonly hardware: Hardware;
  /** Its files. */
  readonly files: MachineFiles;
  readonly #start: Start;
  readonly #process: Deno.ChildProcess;
  readonly #qmp: Qmp;
  readonly #input: Deno.UnixConn;
  readonly #forget: () => void;
  readonly #decoder = new Decoder();
  readonly #blocks: Block[] = [];
  #collected = 0;
  #agent: Promise<Agent> | undefined;
  #qtest: Promise<Qtest> | undefined;
  #attached = false;
  #jobs = 0;
  #said = "";
  #ended: Deno.CommandStatus | undefined;

  private constructor(
    start: Start,
    process: Deno.ChildProcess,
    qmp: Qmp,
    input: Deno.UnixConn,
    forget: () => void,
  ) {
    this.#start = start;
    this.name = start.name;
    this.hardware = start.hardware;
    this.files = start.files;
    this.#process = process;
    this.#qmp = qmp;
    this.#input = input;
    this.#forget = forget;
    void process.status.then((status) => this.#ended = status);
  }

  /** Starts QEMU and connects to it. */
  static async start(start: Start): Promise<Machine> {
    const { files, name } = start;
    const [program = "", ...args] = [...DIES_WITH_US, ...start.command];
    const process = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let ended = false;
    void process.status.then(() => ended = true);
    const said = new Response(process.stderr).text();
    const forget = onExit(async () => {
      if (!ended) process.kill("SIGKILL");
      await process.status;
      discard(start);
    });
    try {
      const alive = (): boolean => !ended;
      const qmp = await Qmp.open(await connect(files.qmp, alive));
      const input = await connect(files.input, alive);
      const machine = new Machine(start, process, qmp, input, forget);
      void said.then((text) => machine.#said = text.trim());
      return machine;
    } catch (error) {
      if (!ended) process.kill("SIGKILL");
      const text = (await said).trim();
      const { code, signal } = await process.status;
      forget();
      discard(start);
      if (code === REFUSED && signal === null) {
        throw new PrerequisiteError(
          `QEMU refuses the machine ${name}: ${text}`,
        );
      }
      throw new MachineError(`QEMU did not start (${name}): ${text}`, {
        cause: error,
      });
    }
  }

  /** Whether QEMU is still there. */
  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Everything on the console so far. */
  console(): string {
    return new TextDecoder().decode(readFrom(this.files.console, 0));
  }

  /** How often the kernel has said on this console that it saw a fork. */
  reseeds(): number {
    return this.console().split(RESEEDED).length - 1;
  }

  /** Waits until a text is on the console. */
  async waitForConsole(
    text: string,
    timeoutMs: number = 60_000,
  ): Promise<void> {
    await this.#wait(`"${text}" on the console`, timeoutMs, () => {
      return this.console().includes(text) ? true : undefined;
    });
  }

  /** Sends a line to the guest program. */
  async tell(line: string): Promise<void> {
    await writeAll(this.#input, new TextEncoder().encode(`${line}\n`));
  }

  /** Waits for the next block of a name and returns its bytes. */
  async receive(
    name: string,
    timeoutMs: number = 120_000,
  ): Promise<Uint8Array<ArrayBuffer>> {
    let ended = false;
    return await this.#wait(`block "${name}"`, timeoutMs, () => {
      this.#collect();
      const at = this.#blocks.findIndex((block) => block.name === name);
      if (at !== -1) return this.#blocks.splice(at, 1)[0]?.bytes;
      if (ended) {
        throw new ProgramError(
          this.#describe(`Program ended without "${name}"`),
        );
      }
      // One more look, as the end may have come just after this one.
      ended = this.console().includes(ENDED);
      return undefined;
    });
  }

  /** Waits for a block and returns it as text. */
  async receiveText(name: string, timeoutMs?: number): Promise<string> {
    return new TextDecoder().decode(await this.receive(name, timeoutMs));
  }

  /** Executes a command of the machine protocol. */
  execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    timeoutMs?: number,
  ): Promise<unknown> {
    return this.#qmp.execute(command, args, timeoutMs);
  }

  /** Executes a command of the human monitor, and fails if it prints one. */
  human(line: string): Promise<string> {
    return this.#qmp.human(line);
  }

  /** Executes a command of the guest agent, in a machine that has the channel and a guest that runs it. */
  async agent(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    const agent = await (this.#agent ??= Agent.open(this.files.agent));
    return await agent.execute(command, args);
  }

  /** Executes a command of QEMU's test protocol, in a machine that has the channel: plays the hardware's part. */
  async qtest(command: string): Promise<void> {
    const qtest = await (this.#qtest ??= Qtest.open(this.files.qtest));
    await qtest.execute(command);
  }

  /** Stops the processors. */
  async pause(): Promise<void> {
    await this.execute("stop");
  }

  /** Lets the processors run. */
  async resume(): Promise<void> {
    await this.execute("cont");
  }

  /** `running`, `paused`, `inmigrate`, `postmigrate` and so on. */
  async status(): Promise<string> {
    const reply = await this.execute("query-status") as { status: string };
    return reply.status;
  }

  /** Waits until QEMU is in one of some states. */
  async waitForStatus(
    wanted: (status: string) => boolean,
    timeoutMs: number = 60_000,
  ): Promise<void> {
    await this.#wait("new state of QEMU", timeoutMs, async () => {
      return wanted(await this.status()) ? true : undefined;
    });
  }

  /** The unique id that this QEMU was started with, as a GUID. */
  async vmgenid(): Promise<string> {
    const reply = await this.execute("query-vm-generation-id");
    return (reply as { guid: string }).guid;
  }

  /** Guest memory as QEMU sees it. */
  async memory(address: number, length: number): Promise<Uint8Array> {
    const text = await this.human(`xp /${length}xb 0x${address.toString(16)}`);
    const bytes = [...text.matchAll(/\b0x([0-9a-f]{2})\b/g)]
      .map(([, digits = ""]) => parseInt(digits, 16));
    if (bytes.length === length) return Uint8Array.from(bytes);
    throw new MachineError(`Cannot look at guest memory: ${text.trim()}`);
  }

  /** Writes guest memory, in a machine that has the test protocol's channel. */
  async write(address: number, bytes: Uint8Array): Promise<void> {
    const at = `0x${address.toString(16)}`;
    await this.qtest(`write ${at} ${bytes.length} 0x${bytes.toHex()}`);
  }

  /** `savevm`: keeps the machine's state inside this QEMU. */
  async save(tag: string): Promise<void> {
    await this.#attachState();
    await this.#job("snapshot-save", tag);
  }

  /** `loadvm`: rolls the machine back, in the same process. */
  async load(tag: string): Promise<void> {
    await this.#job("snapshot-load", tag);
  }

  /** Ends QEMU and removes its files. */
  async end(): Promise<void> {
    this.#forget();
    if (this.alive) this.#process.kill("SIGKILL");
    await this.#process.status;
    this.#qmp.close();
    for (const channel of [this.#agent, this.#qtest]) {
      (await channel?.catch(() => undefined))?.close();
    }
    try {
      this.#input.close();
    } catch {
      // Closed with QEMU.
    }
    discard(this.#start);
  }

  /** A message with the end of the console below it. */
  #describe(message: string): string {
    const rows = this.console().trimEnd().split("\n").slice(-12);
    const tail = rows.map((row) => `\n    | ${row.trimEnd()}`).join("");
    return `${message} (${this.name})${tail}`;
  }

  /** Whether there is a guest agent that answers: a program is silent then, not the guest. */
  async #answers(): Promise<boolean> {
    if (!this.hardware.agent) return false;
    try {
      await this.agent("guest-ping");
      return true;
    } catch {
      return false;
    }
  }

  #collect(): void {
    const bytes = readFrom(this.files.out, this.#collected);
    if (bytes.length === 0) return;
    this.#collected += bytes.length;
    this.#blocks.push(...this.#decoder.push(bytes));
  }

  async #attachState(): Promise<void> {
    if (this.#attached) return;
    this.#attached = true;
    Deno.copyFileSync(this.files.stateTemplate, this.files.state);
    await this.execute("blockdev-add", {
      "driver": "qcow2",
      "node-name": STATE,
      "file": { driver: "file", filename: this.files.state },
    });
  }

  async #job(command: string, tag: string): Promise<void> {
    const id = `${command}-${++this.#jobs}`;
    const devices = [STATE];
    await this.execute(command, { "job-id": id, tag, vmstate: STATE, devices });
    const job = await this.#wait(command, JOB_TIMEOUT_MS, async () => {
      const jobs = await this.execute("query-jobs") as Job[];
      return jobs.find((job) => job.id === id && job.status === "concluded");
    });
    await this.execute("job-dismiss", { id });
    if (job.error !== undefined) {
      throw new MachineError(`QEMU: ${command}: ${job.error}`);
    }
  }

  async #wait<T>(
    what: string,
    timeoutMs: number,
    look: () => T | undefined | Promise<T | undefined>,
  ): Promise<T> {
    const end = performance.now() + timeoutMs;
    while (true) {
      const found = await look();
      if (found !== undefined) return found;
      if (!this.alive) {
        const message = `QEMU ended before ${what}: ${this.#said}`;
        throw new MachineError(this.#describe(message));
      }
      if (performance.now() > end) {
        const message = `no ${what} after ${timeoutMs / 1000} s`;
        if (await this.#answers()) {
          const said = `The guest answers, but there is ${message}`;
          throw new ProgramError(this.#describe(said));
        }
        throw new MachineError(this.#describe(`Fell silent: ${message}`));
      }
      await sleep(POLL_MS);
    }
  }
}

async function connect(
  path: string,
  alive: () => boolean,
): Promise<Deno.UnixConn> {
  for (let tries = 0; tries < 2_000 && alive(); tries++) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch {
      await sleep(5);
    }
  }
  throw new MachineError(`No connection to ${path}`);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function readFrom(path: string, offset: number): Uint8Array {
  using file = Deno.openSync(path);
  const size = file.statSync().size - offset;
  if (size <= 0) return new Uint8Array();
  file.seekSync(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, file.readSync(bytes) ?? 0);
}

function discard({ files, keep }: Start): void {
  const { console, out, state, input, qmp, agent, qtest } = files;
  for (const path of [state, input, qmp, agent, qtest]) remove(path);
  if (!keep) { for (const path of [console, out]) remove(path); }
}
