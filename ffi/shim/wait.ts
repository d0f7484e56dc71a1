import { check, type Shim } from "./shim.ts";

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
 * Waits in the shim until the count differs from a known one, for a while, or until the signal.
 *
 * @throws {ShimError} If no wait can be had
 */
export async function waitInShim(
  { symbols }: Shim,
  known: number,
  { intervalMs, timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const handle = check("vmfork_wait_open", symbols.vmfork_wait_open());
  const wake = (): void => void symbols.vmfork_wake(handle);
  signal?.addEventListener("abort", wake);
  try {
    const result = await symbols.vmfork_wait(
      handle,
      known,
      intervalMs,
      timeoutMs,
    );
    if (result !== -ECANCELED) check("vmfork_wait", result);
  } finally {
    signal?.removeEventListener("abort", wake);
  }
}
