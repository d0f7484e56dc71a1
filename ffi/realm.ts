import { type Machine, type MachineOptions, openMachine } from "./machine.ts";
import type { Look } from "./sources/mod.ts";

/** The use of a machine; the last release closes it. */
export interface Lease {
  readonly machine: Machine;
  /** Gives it back. A second call does nothing. */
  release(): void;
}

/**
 * One machine for all generators of a realm, opened at the first use: a program can load the shim, revoke
 * its own permissions, and still make generators.
 */
export class Realm {
  readonly #openMachine: typeof openMachine;
  #options: MachineOptions = {};
  #open: { readonly machine: Machine; users: number } | undefined;
  /** Outlives the machine, since discovery works once in a process. */
  readonly #look: Look = {};

  constructor(open: typeof openMachine = openMachine) {
    this.#openMachine = open;
  }

  /** What {@linkcode Realm.configure} has set. */
  get options(): MachineOptions {
    return this.#options;
  }

  /** Sets what the next machine is; those in use stay open until they are released. */
  configure(options: MachineOptions): void {
    const { shim, source, entropy } = this.#options;
    if (
      options.shim !== shim || options.source !== source ||
      options.entropy !== entropy
    ) this.#open = undefined;
    this.#options = options;
  }

  /**
   * @throws {ProtectionError} If something that was named cannot be used
   */
  lease(): Lease {
    const open = this.#open ??= {
      machine: this.#openMachine(this.#options, { look: this.#look }),
      users: 0,
    };
    open.users++;
    let held = true;
    return {
      machine: open.machine,
      release: () => {
        if (!held) return;
        held = false;
        if (--open.users > 0) return;
        open.machine.close();
        if (this.#open === open) this.#open = undefined;
      },
    };
  }
}
