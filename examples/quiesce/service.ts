/**
 * A service that can be made ready for a snapshot: SIGUSR1 empties its secrets, SIGUSR2 lets it draw again.
 * `freeze-hook` beside this file sends both when QEMU's guest agent freezes and thaws the machine.
 *
 * ```sh
 * install -d -o USER /run/vmfork-quiesce # who runs it; or RuntimeDirectory=vmfork-quiesce in its unit
 * deno run --allow-ffi=FILE --allow-read=FILE,/run/vmfork-quiesce \
 *   --allow-write=/run/vmfork-quiesce examples/quiesce/service.ts FILE
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
  type Quiesced,
  randomUUID,
  resume,
} from "@vmfork/crng";

const [shim, folder = "/run/vmfork-quiesce"] = Deno.args; // the folder is where freeze-hook looks
if (shim === undefined) throw new TypeError("Cannot start without a path");
configure({ shim });

// What the program has drawn and kept is its own to wipe; it is drawn anew when it is needed next.
let key: Uint8Array | undefined;
onQuiesce(() => {
  key?.fill(0);
  key = undefined;
});

// Before the freeze: afterwards it is too late to write.
function tell(state: string): void {
  Deno.writeTextFileSync(`${folder}/state`, `${state}\n`);
}

let held: Promise<Quiesced> | undefined;
let turn = 0;

/** Does what the hook wants now: signals that arrive together come in any order, so that they say only "look". */
async function follow(): Promise<void> {
  const wanted = Deno.readTextFileSync(`${folder}/wanted`).trim();
  const own = ++turn;
  let state = "running";
  if (wanted.startsWith("freeze ")) {
    const { complete } = await (held ??= quiesce({ timeoutMs: 2000 }));
    // With the hook's own words, so that it does not take an earlier answer for this one.
    state = `${complete ? "quiesced" : "failed"} ${wanted.slice(7)}`;
  } else if (held !== undefined) {
    held = undefined;
    await resume();
  }
  if (turn === own) tell(state);
}

for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
  Deno.addSignalListener(signal, () => void follow());
}

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
Deno.writeTextFileSync(`${folder}/pid`, `${Deno.pid}\n`); // last: the first signal may come at once
