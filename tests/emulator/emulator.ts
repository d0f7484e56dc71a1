/**
 * The clone emulator: two live images of one process, without a virtual
 * machine, and what both of them draw.
 *
 * It is the best case of a VM fork: the kernel's own generator is not cloned.
 */

import { EMULATOR_BASE64 } from "./embedded.ts";
import type { Door } from "./library.ts";
import type { SourceName } from "./sources.ts";

/** One of the two images of the process. */
export type Image = "first" | "second";

/** What to run. */
export interface Experiment {
  /** What to draw from. */
  readonly source: SourceName;
  /** How to clone. @default {"machine"} */
  readonly door?: Door;
  /** In which images the generation page changes at the clone. @default {none} */
  readonly changed?: readonly Image[];
  /** Draws before the clone. @default {3} */
  readonly warm?: number;
  /** Draws after it, in each image. @default {2000} */
  readonly draws?: number;
}

/** What the program is told. */
export interface Order extends Required<Experiment> {
  /** The preloaded library. */
  readonly library: string;
  /** Where the images write. */
  readonly folder: string;
}

/** What an image writes. */
export interface Written {
  /** The process id that it sees. */
  readonly pid: number;
  /** Whether a page that is to be wiped at a fork is as it was. */
  readonly unwiped: boolean;
  /** `protection().hardware`, for ours. */
  readonly hardware: readonly string[];
  /** What it drew after the clone. */
  readonly draws: readonly string[];
}

/** What both images wrote. */
export type Images = Readonly<Record<Image, Written>>;

const PROGRAM = new URL("program.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const TRIES = 4;
/** A run takes less than a second; one that hangs is ended and tried again. */
const TIMEOUT_MS = 5_000;

/** What the library asks for, see clone.c. */
const VISIBLE = "EMULATOR_SHOWS_CLONE";

/** Why there is no emulator on this machine; undefined where there is one. */
export const NO_EMULATOR: string | undefined =
  Deno.build.target === "x86_64-unknown-linux-gnu"
    ? undefined
    : `the clone emulator needs x86-64 Linux with glibc, not ${Deno.build.target}`;

/** Runs experiments, and counts the runs that hung or died. */
export class CloneEmulator {
  /** Runs that had to be started again. */
  retries = 0;
  readonly #folder: string;
  readonly #library: string;

  /** Puts the library into a folder of its own. */
  constructor() {
    this.#folder = Deno.makeTempDirSync({ prefix: "vmfork-emulator-" });
    this.#library = `${this.#folder}/clone.so`;
    Deno.writeFileSync(this.#library, Uint8Array.fromBase64(EMULATOR_BASE64));
  }

  /** Runs one experiment in a process of its own. */
  async run(experiment: Experiment): Promise<Images> {
    for (let attempt = 1;; attempt++) {
      const folder = Deno.makeTempDirSync({ dir: this.#folder });
      const failure = await this.#start({
        door: "machine",
        changed: [],
        warm: 3,
        draws: 2_000,
        ...experiment,
        library: this.#library,
        folder,
      });
      if (failure === undefined) {
        return { first: read(folder, "first"), second: read(folder, "second") };
      }
      if (attempt === TRIES) {
        throw new Error(`Cannot clone a process: ${failure}`);
      }
      this.retries++;
    }
  }

  /** Removes all files. */
  close(): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }

  /** What went wrong, if anything. */
  async #start(order: Order): Promise<string | undefined> {
    const started = performance.now();
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--allow-all",
        "--no-lock",
        // Only the calling thread lives on in the second image.
        "--v8-flags=--single-threaded",
        `--config=${CONFIG}`,
        PROGRAM,
        JSON.stringify(order),
      ],
      env: {
        LD_PRELOAD: this.#library,
        NO_COLOR: "1",
        ...(order.door === "visible" && { [VISIBLE]: "1" }),
      },
      stdin: "null",
      stdout: "null",
      // The second image ends with the first one, see clone.c.
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    if (code === 0) return undefined;
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    const said = new TextDecoder().decode(stderr).trim();
    return `status ${code} after ${seconds} s: ${said}`;
  }
}

function read(folder: string, image: Image): Written {
  return JSON.parse(Deno.readTextFileSync(`${folder}/${image}`));
}
