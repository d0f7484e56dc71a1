/**
 * Keeps a session key that no two clones of this machine use: it is made anew when the machine is forked, and a
 * guard is asked at the moment of use, in case a fork was not yet told. Before a snapshot it is wiped.
 *
 * A simulated machine stands in for a real one, so that the fork can be seen. In a program of your own leave
 * `configure()` out.
 *
 * ```sh
 * deno run examples/rotate_on_fork.ts
 * ```
 *
 * @module
 */

import {
  configure,
  type ForkGuard,
  forkGuard,
  getRandom,
  onQuiesce,
  onResume,
  onVmFork,
  quiesce,
} from "@vmfork/crng";
import { SimulatedMachine } from "@vmfork/crng/testing";
import { createHash, createHmac } from "node:crypto";

/** A key, and whether the machine was forked since it was made. */
class SessionKey {
  readonly #key = new Uint8Array(32);
  #guard: ForkGuard | undefined;

  /** Makes another one. The guard comes first: a fork between the two is then seen. */
  rotate(): void {
    this.#guard = forkGuard();
    this.#key.set(getRandom(this.#key.length));
  }

  wipe(): void {
    this.#guard = undefined;
    this.#key.fill(0);
  }

  /** Authenticates a message, never under a key that another clone has. */
  sign(message: string): string {
    if (this.#guard?.forked ?? true) this.rotate();
    const tag = createHmac("sha256", this.#key).update(message).digest("hex");
    this.#guard!.throwIfForked(); // forked while it was made: the tag stays here
    return tag;
  }

  /** What tells keys apart and gives nothing away. */
  get name(): string {
    return createHash("sha256").update(this.#key).digest("hex").slice(0, 8);
  }
}

const machine = new SimulatedMachine();
configure({ source: machine.source, entropy: machine.entropy });

const session = new SessionKey();
onVmFork(({ before, after, source }) => {
  session.rotate();
  console.log(`forked    ${source} went from ${before} to ${after}`);
});
onQuiesce(() => session.wipe());
onResume(() => session.rotate());

session.sign("hello");
console.log(`key       ${session.name}`);

machine.fork();
session.sign("hello"); // before any listener could run
console.log(`key       ${session.name}, as the guard has seen the fork`);
await new Promise((resolve) => setTimeout(resolve));
console.log(`key       ${session.name}, as the listener was told`);

{
  await using quiesced = await quiesce({ timeoutMs: 1000 });
  console.log(`wiped     ${quiesced.complete ? "all" : "not all"} secrets`);
  machine.fork(); // the snapshot is taken here, and started twice
}
session.sign("hello");
console.log(`key       ${session.name}, after the snapshot`);
