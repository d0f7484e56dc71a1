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
  ProtectionError,
  quiesce,
  randomUUID,
  resume,
} from "@vmfork/crng";

const FOLDER = "/run/vmfork-quiesce"; // where freeze-hook looks

const [shim] = Deno.args;
if (shim === undefined) throw new TypeError("Cannot start without a path");
configure({ shim });

let issued = 0;
let sent: Deno.Signal = "SIGUSR2";

// Once the machine is frozen it is too late to write.
function tell(state: "running" | "quiesced" | "failed"): void {
  Deno.writeTextFileSync(`${FOLDER}/state`, state);
}

Deno.addSignalListener("SIGUSR1", async () => {
  sent = "SIGUSR1";
  const { notWiped } = await quiesce({ timeoutMs: 2000 });
  // It may have been told to go on in the meantime.
  if (sent === "SIGUSR1") tell(notWiped === 0 ? "quiesced" : "failed");
});

Deno.addSignalListener("SIGUSR2", () => {
  sent = "SIGUSR2";
  resume();
  tell("running");
});

/** The service's work: it issues tickets. */
function work(): void {
  try {
    randomUUID();
    issued++;
  } catch (error) {
    if (!(error instanceof ProtectionError) || error.code !== "quiesced") {
      throw error;
    }
    // A snapshot is being taken: later.
  }
}

setInterval(work, 100);
setInterval(() => console.log(`${issued} tickets issued`), 60_000);

tell("running");
Deno.writeTextFileSync(`${FOLDER}/pid`, `${Deno.pid}\n`); // last: the first signal may come at once
