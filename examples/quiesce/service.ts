/**
 * A service that can be made ready for a snapshot: SIGUSR1 empties its secrets, SIGUSR2 lets it draw again.
 * `freeze-hook` beside this file sends both when QEMU's guest agent freezes and thaws the machine.
 *
 * ```sh
 * mkdir -p /run/vmfork-quiesce # or RuntimeDirectory=vmfork-quiesce in its unit
 * deno run --allow-ffi=FILE --allow-read=FILE --allow-write=/run/vmfork-quiesce \
 *   examples/quiesce/service.ts FILE
 * ```
 *
 * @module
 */

import {
  configure,
  getRandom,
  onQuiesce,
  ProtectionError,
  quiesce,
  randomUUID,
  resume,
} from "@vmfork/crng";

const FOLDER = "/run/vmfork-quiesce"; // where freeze-hook looks

const [shim] = Deno.args;
if (shim === undefined) throw new TypeError("Cannot start without a path");
configure({ shim });

// What the program has drawn and kept is its own to wipe; it is drawn anew when it is needed next.
let key: Uint8Array | undefined;
onQuiesce(() => {
  key?.fill(0);
  key = undefined;
});

// Before the freeze: afterwards it is too late to write.
function tell(state: "running" | "quiesced" | "failed"): void {
  Deno.writeTextFileSync(`${FOLDER}/state`, state);
}

let frozen = false;
let turn = 0;

Deno.addSignalListener("SIGUSR1", async () => {
  if (frozen) return;
  frozen = true;
  const own = ++turn;
  const { complete } = await quiesce({ timeoutMs: 2000 });
  // The hook may have given up in the meantime, or even have come again.
  if (turn === own) tell(complete ? "quiesced" : "failed");
});

Deno.addSignalListener("SIGUSR2", async () => {
  if (!frozen) return;
  frozen = false;
  const own = ++turn;
  await resume();
  if (turn === own) tell("running");
});

/** The service's work: it issues tickets. */
function issue(): string | undefined {
  try {
    key ??= getRandom(32);
    return `${randomUUID()}, signed with ${key.length} bytes`;
  } catch (error) {
    if (error instanceof ProtectionError && error.code === "quiesced") {
      return undefined; // a snapshot is being taken: later
    }
    throw error;
  }
}

let issued = 0;
setInterval(() => {
  if (issue() !== undefined) issued++;
}, 100);
setInterval(() => console.log(`${issued} tickets issued`), 60_000);

tell("running");
Deno.writeTextFileSync(`${FOLDER}/pid`, `${Deno.pid}\n`); // last: the first signal may come at once
