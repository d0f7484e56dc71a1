/**
 * Heals the kernel's own generator after a VM fork, for every process of the machine: as soon as a fork is
 * seen it writes the unique id and the CPU's randomness to `/dev/urandom` and has the kernel reseed. The
 * kernel's vmgenid driver does the same, mostly later, and not at all after a rollback that leaves the id
 * alone, such as QEMU's `loadvm`.
 *
 * A program to run as a service, as root or with CAP_SYS_ADMIN and CAP_SYS_RAWIO, where
 * `jsr:@vmfork/crng/install` has put the shim; `examples/guardian/` has a unit for systemd:
 *
 * ```sh
 * deno run --allow-ffi=/usr/local/lib/vmfork --allow-read=/usr/local/lib/vmfork jsr:@vmfork/crng/guardian
 * ```
 *
 * It prints one line for each healing and ends at SIGTERM or SIGINT. Nothing happens at import: programs may
 * call {@linkcode guard} themselves.
 *
 * @module
 */

import { ProtectionError } from "../crng/errors.ts";
import { openMachine } from "./machine.ts";
import { thisRuntime } from "./runtime/mod.ts";
import { nodeProcess } from "./runtime/node_process.ts";
import { loadShim, type NoShim, SHIM_FOLDERS } from "./shim/load.ts";
import { type Shim, ShimError } from "./shim/shim.ts";
import { guardInShim } from "./shim/wait.ts";
import { ShimSource } from "./sources/shim_source.ts";

/**
 * What looking may cost, as a part of one processor. A page costs nanoseconds. The count of a GPE costs tens of
 * microseconds, since the kernel reads the event's registers for it, and each read leaves the guest;
 * /proc/interrupts costs more yet.
 */
const SHARE = 0.01;
/** Until the kernel has reseeded its output repeats in every clone: looks come as often as they may. */
const LEAST_INTERVAL_MS = 1;
const MOST_INTERVAL_MS = 20;
const TIMED_LOOKS = 10;
/** A wait ends now and then by itself, so that an end of the process never has to wait for it. */
const WAIT_TIMEOUT_MS = 1000;

/** The kernel cannot be healed here: the message says why, and what would change that. */
export class GuardianError extends Error {
  /** `"GuardianError"`. */
  override readonly name = "GuardianError";
  /** Always `"guardian-failed"`. */
  readonly code = "guardian-failed";
}

/** One healing of the kernel. */
export interface Healing {
  /** Where the fork was seen, for example `"vmgenid"` or `"acpi-events"`; `"start"` for the first. */
  readonly seenBy: string;
}

/** What is watched. */
export interface Watch {
  /** The sources, by the names that `protection()` has for them. */
  readonly sources: readonly string[];
  /** Milliseconds between two looks. */
  readonly intervalMs: number;
}

/** How to {@linkcode guard}. */
export interface GuardOptions {
  /** The path of an installed shim. @default {`VMFORK_SHIM` if env is granted, then the two folders of `SHIM_FOLDERS`} */
  readonly shim?: string | undefined;
  /**
   * Milliseconds between two looks, from 1 to 1,000.
   * @default {100 times what a look takes, from 1 to 20}
   */
  readonly intervalMs?: number | undefined;
  /** Ends it: the promise then resolves. @default {never} */
  readonly signal?: AbortSignal | undefined;
  /** Told where forks will be seen, and how often is looked, once the first healing has gone well. */
  readonly onStart?: ((watch: Watch) => void) | undefined;
  /** Told of every healing, the first one at the start included. */
  readonly onHealed?: ((healing: Healing) => void) | undefined;
}

/** What a caller may put in place of the real thing. */
export interface GuardParts {
  /** The shim, in tests a simulated one. @default {`loadShim(options.shim)`} */
  readonly shim?: Shim | NoShim;
}

/**
 * Heals the kernel now, to see that the rights suffice, and then after every fork until the signal ends it.
 *
 * @param options when to end, whom to tell
 * @param parts what to put in place of the real thing
 * @throws {GuardianError} If there is no shim, nothing that shows forks, or no right to reseed the kernel; later,
 * if a source fails
 * @throws {ProtectionError} If the shim that was named cannot be used
 * @throws {RangeError} If the interval is not an integer from 1 to 1,000
 * @example
 * ```ts
 * import { guard, GuardianError } from "@vmfork/crng/guardian";
 *
 * async function healUntil(signal: AbortSignal): Promise<void> {
 *   try {
 *     await guard({ signal, onHealed: ({ seenBy }) => console.log(seenBy) });
 *   } catch (error) {
 *     if (!(error instanceof GuardianError)) throw error;
 *     console.error(error.message);
 *   }
 * }
 * console.log(healUntil.name);
 * ```
 */
export async function guard(
  options: GuardOptions = {},
  parts: GuardParts = {},
): Promise<void> {
  const { intervalMs: wanted, onStart, onHealed, signal } = options;
  if (wanted !== undefined) checkInterval(wanted);
  const { shim = loadShim(options.shim) } = parts;
  if (!("symbols" in shim)) throw cannot("there is no shim", shim);
  const { ports, protection, close } = openMachine({}, { shim });
  try {
    const source = ports?.source;
    if (!(source instanceof ShimSource)) {
      throw cannot("nothing here shows forks", protection.notReached[0]);
    }
    const intervalMs = wanted ?? chooseInterval(source);
    let known = look(source);
    healNow(shim);
    const sources = protection.sources.map(({ name }) => name);
    onStart?.({ sources, intervalMs });
    onHealed?.({ seenBy: "start" });
    while (!signal?.aborted) {
      if (look(source) === 0) {
        await new Promise((resolve) => setTimeout(resolve, intervalMs));
        continue;
      }
      const healed = await healNext(shim, known, intervalMs, signal);
      if (healed === 0) continue;
      const seenBy = source.changedBy(known, healed);
      known = healed; // the count of before the healing: a fork during it is seen next
      onHealed?.({ seenBy });
    }
  } finally {
    close();
  }
}

function checkInterval(ms: number): void {
  if (Number.isInteger(ms) && ms >= 1 && ms <= 1000) return;
  throw new RangeError(
    `Cannot guard as the interval must be an integer from 1 to 1000: current value is ${ms}`,
  );
}

function chooseInterval(source: ShimSource): number {
  const start = performance.now();
  for (let i = 0; i < TIMED_LOOKS; i++) look(source);
  const lookMs = (performance.now() - start) / TIMED_LOOKS;
  const most = Math.min(MOST_INTERVAL_MS, Math.ceil(lookMs / SHARE));
  return Math.max(LEAST_INTERVAL_MS, most);
}

/** The count; 0 while the process is quiesced. */
function look(source: ShimSource): number {
  const count = source.look();
  if (count !== 0 || source.quiesced()) return count;
  throw new GuardianError("Cannot guard as what shows forks cannot be read");
}

/** @throws {GuardianError} If the kernel refuses */
function healNow({ symbols }: Shim): void {
  const result = symbols.vmfork_heal_kernel();
  if (result < 0) throw notHealed(new ShimError("vmfork_heal_kernel", -result));
}

/**
 * Once a fork is enough: the id stands in the page before the first instruction after resume.
 *
 * @throws {GuardianError} If the kernel refuses
 */
async function healNext(
  shim: Shim,
  known: number,
  intervalMs: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const timeoutMs = WAIT_TIMEOUT_MS;
  try {
    return await guardInShim(shim, known, { intervalMs, timeoutMs, signal });
  } catch (error) {
    if (!(error instanceof ShimError)) throw error;
    throw error.operation === "vmfork_guard"
      ? notHealed(error)
      : cannot("no wait can be had", undefined, error);
  }
}

function notHealed(cause: ShimError): GuardianError {
  return cannot(
    "the kernel is not healed",
    OBSTACLES[cause.errno ?? ""],
    cause,
  );
}

/** What the refusals mean, by errno. */
const OBSTACLES: Readonly<Record<string, NoShim>> = {
  EPERM: {
    reason:
      "it reseeds for CAP_SYS_ADMIN only, or /dev/urandom is kept from this control group",
    remedy: "root, or a unit that grants both",
  },
  EACCES: {
    reason: "/dev/urandom may not be written",
    remedy: "root, or a unit that allows the device",
  },
  ENOENT: {
    reason: "there is no /dev/urandom",
    remedy: "a /dev that has it",
  },
  ENODATA: {
    reason:
      "there is neither a unique id nor hardware randomness to write, or the kernel's generator is not seeded yet",
    remedy: "a machine with vmgenid, or a CPU model with RDRAND or RNDR",
  },
};

function cannot(
  what: string,
  why: Partial<NoShim> | undefined,
  cause?: Error,
): GuardianError {
  const reason = why?.reason ?? cause?.message;
  const remedy = why?.remedy && `; it takes ${why.remedy}`;
  return new GuardianError(
    `Cannot guard as ${what}: ${reason ?? "no reason is known"}${remedy ?? ""}`,
    { cause },
  );
}

const USAGE = `usage: deno run --allow-ffi=FOLDER --allow-read=FOLDER ` +
  `jsr:@vmfork/crng/guardian [SHIM]
FOLDER is ${
    SHIM_FOLDERS.join(" or ")
  }, where jsr:@vmfork/crng/install has put the shim; SHIM is its path elsewhere.`;

/** Runs until SIGTERM or SIGINT; its result is the status of the process. */
async function main(args: readonly string[]): Promise<number> {
  const [shim, ...rest] = args;
  if (shim?.startsWith("-") || rest.length > 0) {
    console.error(USAGE);
    return 2;
  }
  const end = new AbortController();
  const stop = (): void => end.abort();
  const linux = thisRuntime().os === "linux"; // elsewhere there is nothing to end
  const signals: Deno.Signal[] = linux ? ["SIGTERM", "SIGINT"] : [];
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  try {
    await guard({
      shim,
      signal: end.signal,
      onStart: ({ sources, intervalMs }) =>
        console.log(`guarding by ${sources.join(", ")} every ${intervalMs} ms`),
      onHealed: ({ seenBy }) =>
        console.log(`healed the kernel, seen by ${seenBy}`),
    });
    console.log("ended");
    return 0;
  } catch (error) {
    if (!(error instanceof Error) || !KNOWN.includes(error.name)) throw error;
    const { message, cause } = error;
    const more = error instanceof ProtectionError && cause instanceof Error;
    console.error(more ? `${message} (${cause.message})` : message);
    return 1;
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, stop);
  }
}

/** Errors whose message is all that a person needs. */
const KNOWN = ["GuardianError", "ProtectionError", "ShimError"];

// A program in Deno only: it is a service of its own, with rights of its own.
if (import.meta.main && "Deno" in globalThis) {
  const process = nodeProcess()!;
  // No top-level await: Node could not require() the module.
  void main(process.argv.slice(2)).then((code) => process.exitCode = code);
}
