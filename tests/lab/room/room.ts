/**
 * The machine room: guests that boot, run a program, and get forked.
 *
 * Everything that a scenario needs, and the count of what went wrong.
 */

import { tmpdir } from "node:os";
import { getArm64 } from "./arm64.ts";
import { isEnding, onExit, remove } from "./cleanup.ts";
import { MachineError, PrerequisiteError } from "./errors.ts";
import {
  type Hardware,
  type MachineFiles,
  qemuCommand,
  waitsForLab,
} from "./hardware.ts";
import { fillPage } from "./host_page.ts";
import { giveNewId, writeDeviceTree, writeId } from "./id_page.ts";
import { buildInitramfs, type Program } from "./initramfs.ts";
import { getDebian } from "./debian.ts";
import {
  getKernel,
  type Kernel,
  type KernelName,
  useKernel,
} from "./kernels.ts";
import { Machine } from "./machine.ts";
import { exists, KEPT, RUNS } from "./paths.ts";
import { amd64, type Platform } from "./platform.ts";
import { say } from "./progress.ts";
import { getRuntimes, type Runtimes } from "./runtimes.ts";
import { run } from "./command.ts";
import { getTools, type Tools } from "./tools.ts";

const SOCKETS = "vmfork-lab-";
const DEFAULT_KERNEL: KernelName = "6.12";
const BOOT_TRIES = 3;
const BOOT_TIMEOUT_MS = 120_000;

/** What to boot. */
export interface Guest {
  /** Said in messages. */
  readonly name: string;
  /** For scenarios that are about kernels: one of the user's own is refused. @default {"6.12"} */
  readonly kernel?: KernelName;
  /** The machine. */
  readonly hardware: Hardware;
  /** What starts in it: BusyBox and the program, or a small Debian with systemd. @default {"busybox"} */
  readonly system?: "busybox" | "debian";
  /** What runs in it. */
  readonly program: Program;
}

/** A stopped machine in a file: what clones start from. */
export interface Snapshot {
  /** The machine that it was taken of. */
  readonly of: Guest;
  /** The whole machine, memory first of all. */
  readonly file: string;
  /** How long the machine stood still, in milliseconds. */
  readonly pauseMs: number;
  /** Size of the file. */
  readonly bytes: number;
}

/** How a room is set up. */
export interface RoomOptions {
  /** A kernel of the user's own for every guest on x86-64. */
  readonly kernel?: string;
  /** Keep consoles, output and snapshots. @default {false} */
  readonly keep?: boolean;
}

/** Boots and forks guests. */
export class Room {
  /** Deno and Node of the guests. */
  readonly runtimes: Runtimes;
  /** Machines that fell silent or failed, and were started again. */
  retries = 0;
  readonly #tools: Tools;
  readonly #options: RoomOptions;
  readonly #folder: string;
  readonly #sockets: string;
  readonly #guests = new WeakMap<Machine, Guest>();
  readonly #machines = new Set<Machine>();
  readonly #snapshots = new Set<Snapshot>();
  readonly #initrds = new Map<string, Map<Program, string>>();
  readonly #versions = new Map<string, string>();
  readonly #trees = new WeakMap<Guest, string>();
  #arm64: Promise<Platform> | undefined;
  #number = 0;

  private constructor(tools: Tools, runtimes: Runtimes, options: RoomOptions) {
    this.#tools = tools;
    this.runtimes = runtimes;
    this.#options = options;
    this.#folder = options.keep ? KEPT : `${RUNS}/${Deno.pid}`;
    remove(this.#folder);
    Deno.mkdirSync(this.#folder, { recursive: true });
    // Socket paths have room for 107 bytes: not in the project's folder.
    const prefix = `${SOCKETS}${Deno.pid}-`;
    this.#sockets = Deno.makeTempDirSync({ dir: tmpdir(), prefix });
    onExit(() => {
      remove(this.#sockets);
      if (!options.keep) remove(this.#folder);
    });
  }

  /** Gets what is missing, and opens. */
  static async open(options: RoomOptions = {}): Promise<Room> {
    const { os, arch } = Deno.build;
    if (os !== "linux" || arch !== "x86_64") {
      throw new PrerequisiteError(
        `The lab needs Linux on x86_64: ${os} ${arch}`,
      );
    }
    removeLeftOvers();
    const tools = await getTools();
    const runtimes = await getRuntimes(tools);
    return new Room(tools, runtimes, options);
  }

  /** Of QEMU, the runtimes and every kernel that was booted so far, also on other architectures. */
  async versions(): Promise<Record<string, string>> {
    const qemu = this.#tools.command("/usr/bin/qemu-system-x86_64");
    const said = await run([...qemu, "--version"]);
    return {
      "QEMU": /version (\S+)/.exec(said)?.[1] ?? "unknown",
      "Deno": this.runtimes.deno,
      "Node": this.runtimes.node,
      ...Object.fromEntries(this.#versions),
    };
  }

  /** Boots a guest and starts its program. */
  async boot(guest: Guest): Promise<Machine> {
    const kernel = await this.#kernel(guest);
    for (let attempt = 1;; attempt++) {
      try {
        const machine = await this.#start(guest, kernel, guest.hardware, []);
        await this.#orEnd(machine, switchOn(machine));
        await this.#orEnd(
          machine,
          machine.waitForConsole("lab: ready", BOOT_TIMEOUT_MS),
        );
        await this.#orEnd(machine, requireDrivers(machine, kernel));
        return machine;
      } catch (error) {
        this.#countRetry(error, attempt);
      }
    }
  }

  /** Stops a machine and writes it to a file; it may be resumed afterwards. */
  async snapshot(machine: Machine): Promise<Snapshot> {
    const of = this.#guests.get(machine);
    if (of === undefined) throw new TypeError("Not a machine of this room");
    const file = `${this.#folder}/${++this.#number}.snapshot`;
    const start = performance.now();
    await machine.pause();
    await machine.execute("migrate-set-parameters", {
      "max-bandwidth": 2 ** 40,
    });
    await machine.execute("migrate", { uri: `file:${file}` });
    await finishMigration(machine);
    const pauseMs = performance.now() - start;
    const { size } = Deno.statSync(file);
    const snapshot: Snapshot = { of, file, pauseMs, bytes: size };
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  /** Starts a clone of a snapshot with its own unique id. */
  async clone(snapshot: Snapshot, vmgenid?: string): Promise<Machine> {
    const machine = await this.prepareClone(snapshot, vmgenid);
    await machine.resume();
    return machine;
  }

  /** A clone that has not run its first instruction yet. */
  async prepareClone(snapshot: Snapshot, vmgenid?: string): Promise<Machine> {
    const { of, file } = snapshot;
    const kernel = await this.#kernel(of);
    const hardware = vmgenid === undefined
      ? of.hardware
      : { ...of.hardware, vmgenid };
    const incoming = ["-incoming", `file:${file}`];
    for (let attempt = 1;; attempt++) {
      try {
        const machine = await this.#start(of, kernel, hardware, incoming);
        const arrived = machine.waitForStatus((status) =>
          status !== "inmigrate"
        );
        await this.#orEnd(machine, arrived);
        await this.#orEnd(machine, giveNewId(machine));
        return machine;
      } catch (error) {
        this.#countRetry(error, attempt);
      }
    }
  }

  /** Ends a machine. */
  async end(machine: Machine): Promise<void> {
    this.#machines.delete(machine);
    await machine.end();
  }

  /** Drops a snapshot's file. */
  discard(snapshot: Snapshot): void {
    this.#snapshots.delete(snapshot);
    if (!this.#options.keep) remove(snapshot.file);
  }

  /** Ends every machine that is still there, and drops every snapshot. */
  async clear(): Promise<void> {
    await Promise.all([...this.#machines].map((machine) => this.end(machine)));
    for (const snapshot of this.#snapshots) this.discard(snapshot);
  }

  async #kernel(guest: Guest): Promise<Kernel> {
    const { kernel: file } = this.#options;
    const { kernel: name = DEFAULT_KERNEL, hardware } = guest;
    const { architecture } = hardware;
    const own = file !== undefined && architecture === undefined;
    if (own && guest.kernel !== undefined) {
      throw new PrerequisiteError(
        `The scenario chooses its kernels, here Linux ${guest.kernel}: run it without --kernel`,
      );
    }
    const kernel = own
      ? useKernel(file)
      : await getKernel(name, this.#tools, architecture);
    const title = own ? "Linux" : `Linux ${name}`;
    this.#versions.set(
      architecture === undefined ? title : `${title}, ${architecture}`,
      kernel.name,
    );
    return kernel;
  }

  async #platform({ architecture }: Hardware): Promise<Platform> {
    if (architecture !== "arm64") return amd64(this.#tools, this.runtimes);
    const platform = await (this.#arm64 ??= getArm64(this.#tools));
    this.#versions.set(`Deno, ${architecture}`, platform.deno);
    return platform;
  }

  async #start(
    guest: Guest,
    kernel: Kernel,
    hardware: Hardware,
    more: readonly string[],
  ): Promise<Machine> {
    const number = ++this.#number;
    const debian = guest.system === "debian";
    const platform = await this.#platform(hardware);
    const files: MachineFiles = {
      console: `${this.#folder}/${number}.console`,
      out: `${this.#folder}/${number}.out`,
      state: `${this.#folder}/${number}.qcow2`,
      input: `${this.#sockets}/${number}.in`,
      qmp: `${this.#sockets}/${number}.qmp`,
      initrd: this.#initrd(guest, kernel, platform),
      runtimes: platform.runtimes,
      ...(debian && { system: await getDebian(this.#tools) }),
      agent: `${this.#sockets}/${number}.agent`,
      qtest: `${this.#sockets}/${number}.qtest`,
      stateTemplate: this.#tools.emptyState,
    };
    const command = qemuCommand(platform, kernel, hardware, files);
    const tree = await this.#tree(guest, platform, command);
    const machine = await Machine.start({
      name: `${guest.name}#${number}`,
      command: [...command, ...tree, ...more],
      hardware,
      files,
      keep: this.#options.keep ?? false,
    });
    this.#guests.set(machine, guest);
    this.#machines.add(machine);
    return machine;
  }

  /** The device tree of a machine whose own does not do, the same in every clone. */
  async #tree(
    guest: Guest,
    { compiler }: Platform,
    command: readonly string[],
  ): Promise<string[]> {
    const { idPage } = guest.hardware;
    if (idPage === undefined || compiler === undefined) return [];
    let path = this.#trees.get(guest);
    if (path === undefined) {
      path = `${this.#folder}/${++this.#number}.dtb`;
      await writeDeviceTree(command, compiler, idPage, path);
      this.#trees.set(guest, path);
    }
    return ["-dtb", path];
  }

  #initrd(guest: Guest, kernel: Kernel, platform: Platform): string {
    const made = this.#initrds.get(kernel.name) ?? new Map<Program, string>();
    this.#initrds.set(kernel.name, made);
    const known = made.get(guest.program);
    if (known !== undefined) return known;
    const path = `${this.#folder}/${++this.#number}.initrd`;
    const archive = buildInitramfs(platform, kernel, guest.program);
    Deno.writeFileSync(path, archive);
    made.set(guest.program, path);
    return path;
  }

  async #orEnd(machine: Machine, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      await this.end(machine);
      throw error;
    }
  }

  #countRetry(error: unknown, attempt: number): void {
    const died = error instanceof MachineError && !isEnding();
    if (!died || attempt === BOOT_TRIES) throw error;
    this.retries++;
    say(`trying again: ${error.message}`);
  }
}

/** Where the lab plays the hypervisor, it writes what the hypervisor would have written before it lets a machine run. */
async function switchOn(machine: Machine): Promise<void> {
  if (!waitsForLab(machine.hardware)) return;
  await writeId(machine);
  await fillPage(machine);
  await machine.resume();
}

/** A kernel of the user's own may lack what the guest needs. */
function requireDrivers(machine: Machine, kernel: Kernel): Promise<void> {
  if (!machine.console().includes("lab: no runtime disk")) {
    return Promise.resolve();
  }
  return Promise.reject(
    new PrerequisiteError(
      `The kernel "${kernel.name}" needs virtio (PCI, block, console) and ext4 built in`,
    ),
  );
}

async function finishMigration(machine: Machine): Promise<void> {
  while (true) {
    const state = await machine.execute("query-migrate") as {
      status?: string;
      "error-desc"?: string;
    };
    if (state.status === "completed") return;
    if (state.status === "failed") {
      throw new MachineError(`Snapshot failed: ${state["error-desc"]}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What labs that were killed outright could not remove. */
function removeLeftOvers(): void {
  Deno.mkdirSync(RUNS, { recursive: true });
  removeOwnerless(RUNS, /^(\d+)$/);
  removeOwnerless(tmpdir(), new RegExp(`^${SOCKETS}(\\d+)-`));
}

function removeOwnerless(folder: string, pattern: RegExp): void {
  for (const { name } of Deno.readDirSync(folder)) {
    const owner = pattern.exec(name)?.[1];
    if (owner !== undefined && !exists(`/proc/${owner}`)) {
      remove(`${folder}/${name}`);
    }
  }
}
