import { MAX_TIMEOUT_MS, type QuiesceHook } from "./hooks.ts";
import { HOOK_LIMIT_MS } from "./quiescer.ts";
import { thisRealm } from "./this_realm.ts";

/** How to quiesce. */
export interface QuiesceOptions {
  /** How long to wait for the realms and for each {@linkcode onQuiesce} hook, in milliseconds. @default {5000} */
  readonly timeoutMs?: number;
}

/** What {@linkcode quiesce} has reached. Disposing of it lets go, once: draws go on after the last caller has. */
export interface Quiesced extends AsyncDisposable {
  /**
   * Whether nothing is left to wipe, and draws throw: all realms have said so, no hook of this realm has failed,
   * and nobody has ended the quiesce meanwhile.
   */
  readonly complete: boolean;
  /**
   * How many realms (the main program, Workers) have not said in time that their secrets are wiped: they are busy,
   * or one of their hooks has failed. Their draws throw all the same.
   */
  readonly notWiped: number;
  /** What this realm's hooks have thrown; a `TimeoutError` for one that took too long. */
  readonly hooksFailed: readonly unknown[];
  /** Lets go, as `resume()` does for a caller without this object. A second call does nothing. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Prepares the process for a snapshot: from now on every draw in every realm that has the shim (the main program,
 * Workers) throws a `ProtectionError` with the code `quiesced`, each of them wipes the keys, pools and buffers of its
 * generators and runs its {@linkcode onQuiesce} hooks. Bytes that a program has drawn and kept are its own to wipe, in
 * such a hook.
 *
 * Several callers may hold the process quiesced, in one realm or several. Every call is a hold of its own, whatever it
 * has reached, and must be let go, by disposing of the result or by {@linkcode resume}: draws go on after the last one.
 * Hooks run once. A realm takes part from its first draw or hook on, within 100 ms; one that never gives way to its
 * event loop cannot, and is counted as not wiped. A Worker that may not load the shim draws on, unseen. Where the
 * program has given a source of its own and there is no shim, this realm alone is quiesced.
 *
 * @param options `timeoutMs`: how long to wait
 * @returns what was reached, once all realms have wiped their secrets or time is up
 * @throws {RangeError} If the time is not from 0 to 2^31 - 1 milliseconds
 * @throws {ProtectionError} If it takes the shim and there is none: the message names what is missing
 * @example
 * ```ts
 * import { configure, getRandom, quiesce } from "@vmfork/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const { source, entropy } = new SimulatedMachine();
 * configure({ source, entropy });
 * {
 *   await using quiesced = await quiesce({ timeoutMs: 1000 });
 *   if (!quiesced.complete) console.warn("not all secrets are wiped");
 *   // The snapshot is taken here.
 * }
 * console.log(getRandom(32).length);
 * configure();
 * ```
 */
export async function quiesce(options: QuiesceOptions = {}): Promise<Quiesced> {
  const { timeoutMs = HOOK_LIMIT_MS } = options;
  if (!(timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(
      `Cannot quiesce as the time must be from 0 to ${MAX_TIMEOUT_MS} ms: current value is ${
        String(timeoutMs)
      }`,
    );
  }
  const { held, notWiped, hooksFailed, resume } = await thisRealm.quiesce(
    timeoutMs,
  );
  return {
    complete: held && notWiped === 0 && hooksFailed.length === 0,
    notWiped,
    hooksFailed,
    [Symbol.asyncDispose]: resume,
  };
}

/**
 * Ends the last hold of this realm, for callers of {@linkcode quiesce} that do not dispose of its result, such as a
 * signal handler. After the last hold of the process every generator reseeds, in this realm at once, and the
 * {@linkcode onResume} hooks run. Without a hold nothing happens.
 *
 * @returns resolves after this realm's hooks have run, however long they take; without them if another realm still
 * holds, or the process was quiesced again meanwhile
 * @example
 * ```ts
 * import { configure, getRandom, quiesce, type Quiesced, resume } from "@vmfork/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const { source, entropy } = new SimulatedMachine();
 * configure({ source, entropy });
 * let held: Promise<Quiesced> | undefined; // one hold, however often the freeze is asked for
 * const freeze = async (): Promise<void> => {
 *   const own = held ??= quiesce({ timeoutMs: 1000 });
 *   const { complete } = await own;
 *   console.log(complete ? "ready" : "not ready");
 *   if (!complete && held === own) await thaw();
 * };
 * const thaw = async (): Promise<void> => {
 *   if (held === undefined) return;
 *   held = undefined;
 *   await resume();
 * };
 * await freeze(); // each of them for example in a signal handler
 * await freeze();
 * await thaw();
 * console.log(getRandom(32).length);
 * configure();
 * ```
 */
export async function resume(): Promise<void> {
  await thisRealm.quiescer.resume();
}

/**
 * Adds a hook that wipes secrets of the program's own before a snapshot. It is called in each quiesce once,
 * whichever realm has asked for it, after this realm's generators were wiped; it cannot draw. All hooks are begun
 * in order of registration. One that fails, or takes longer than the caller's time limit (5,000 ms if that is
 * another realm), makes the quiesce incomplete. It may call {@linkcode quiesce} or {@linkcode resume}, but not wait
 * for them: they wait for it. Where a quiesce takes the shim and there is none, no hook is called.
 *
 * @param hook what to call; it may be asynchronous
 * @returns a function that removes it
 * @throws {TypeError} If it is not a function
 * @throws {ProtectionError} If a shim or descriptor that was named cannot be used
 * @example
 * ```ts
 * import { onQuiesce } from "@vmfork/crng";
 *
 * const sessionKey = new Uint8Array(32);
 * const remove = onQuiesce(() => void sessionKey.fill(0));
 * remove();
 * ```
 */
export function onQuiesce(hook: QuiesceHook): () => void {
  return thisRealm.addHook("before", hook);
}

/**
 * Adds a hook that is called after a quiesce has ended: draws work again, and are made from fresh input. Hooks
 * are begun in order of registration, after those of the quiesce have ended or their time is up, and may take as long
 * as they like; what one throws goes uncaught. If the process is quiesced again before they begin, they are called
 * once, after that; if while they run, once more, and a draw that came too late is no error.
 *
 * @param hook what to call; it may be asynchronous
 * @returns a function that removes it
 * @throws {TypeError} If it is not a function
 * @throws {ProtectionError} If a shim or descriptor that was named cannot be used
 * @example
 * ```ts
 * import { getRandom, onResume } from "@vmfork/crng";
 *
 * const sessionKey = new Uint8Array(32);
 * const remove = onResume(() => sessionKey.set(getRandom(32)));
 * remove();
 * ```
 */
export function onResume(hook: QuiesceHook): () => void {
  return thisRealm.addHook("after", hook);
}
