import { thisRuntime } from "../runtime/mod.ts";
import { check, type Shim } from "./shim.ts";

/** Linux, <asm-generic/errno-base.h>: there is no thread to wait in. */
const EAGAIN = 11;
/** Linux, <asm-generic/errno.h>: the wait was woken. */
const ECANCELED = 125;

/** How to wait in the shim. */
export interface WaitOptions {
  /** How often it looks, in milliseconds. */
  readonly intervalMs: number;
  /** How long it takes at most, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends it before. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Waits in the shim until the count differs from a known one, for a while, or until the signal; where there is no
 * thread for it, as in Node when two others wait, for one interval only.
 *
 * @throws {ShimError} If no wait can be had
 */
export async function waitInShim(
  shim: Shim,
  known: number,
  options: WaitOptions,
): Promise<void> {
  await wait(shim, "vmfork_wait", known, options);
}

/**
 * The same, but the shim heals the kernel at once when the count grows, in the thread that saw it.
 *
 * @returns the count that it healed for; 0 if there was nothing to heal
 * @throws {ShimError} If no wait can be had, or the kernel refuses
 */
export function guardInShim(
  shim: Shim,
  known: number,
  options: WaitOptions,
): Promise<number> {
  return wait(shim, "vmfork_guard", known, options);
}

async function wait(
  { symbols }: Shim,
  how: "vmfork_wait" | "vmfork_guard",
  known: number,
  { intervalMs, timeoutMs, signal = new AbortController().signal }: WaitOptions,
): Promise<number> {
  const handle = check("vmfork_wait_open", symbols.vmfork_wait_open());
  const wake = (): void => void symbols.vmfork_wake(handle);
  signal.addEventListener("abort", wake);
  try {
    const result = await symbols[how](handle, known, intervalMs, timeoutMs);
    if (result === -EAGAIN) await thisRuntime().timer.pause(intervalMs, signal);
    else if (result !== -ECANCELED) return check(how, result);
    return 0;
  } finally {
    signal.removeEventListener("abort", wake);
  }
}
