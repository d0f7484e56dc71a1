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
  getRandomValues,
  onQuiesce,
  onResume,
  ProtectionError,
  quiesce,
  randomUUID,
  resume,
} from "@vmfork/crng";

const FOLDER = "/run/vmfork-quiesce"; // where freeze-hook looks

const [shim] = Deno.args;
if (shim === undefined) throw new TypeError("Cannot start without a path");
configure({ shim });

// What the program has drawn and kept is its own to wipe: no clone is to know it.
const key = getRandom(32);
onQuiesce(() => void key.fill(0));
onResume(() => void getRandomValues(key));

let frozen = false;

// Before the freeze: afterwards it is too late to write.
function tell(state: "running" | "quiesced" | "failed"): void {
  Deno.writeTextFileSync(`${FOLDER}/state`, state);
}

Deno.addSignalListener("SIGUSR1", async () => {
  if (frozen) return;
  frozen = true;
  const { complete } = await quiesce({ timeoutMs: 2000 });
  // The hook may have given up in the meantime.
  if (frozen) tell(complete ? "quiesced" : "failed");
});

Deno.addSignalListener("SIGUSR2", () => {
  if (!frozen) return;
  frozen = false;
  resume();
  tell("running");
});

/** The service's work: it issues tickets. */
function issue(): string | undefined {
  try {
    return randomUUID();
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
