import { check, type Shim } from "./shim/shim.ts";

/** What makes draws throw while their process, or at least their realm, is quiesced. */
export interface Gate {
  /** The number of the quiesce that holds it shut, by this realm or another; 0 while it is open. */
  readonly quiesce: number;
  /** The count: 0 while shut; it has grown by 1 when it opens again. */
  readonly count: () => number;
  /** Where the changes of the count were seen. */
  changedBy(before: number, after: number): string;
  /** This realm shuts it. A second call does nothing. */
  hold(): void;
  /** This realm lets go; it opens when the last realm has. */
  letGo(): void;
  /** This realm has wiped its secrets. */
  wiped(): void;
  /** How many living realms have not. */
  unwiped(): number;
  /** This realm has no secrets any more. */
  leave(): void;
}

/** A gate for one realm alone: where there is no shim, and the program has a source of its own. */
export class LocalGate implements Gate {
  #shut = false;
  #count = 1;

  get quiesce(): number {
    return this.#shut ? this.#count : 0;
  }

  readonly count = (): number => this.#shut ? 0 : this.#count;

  changedBy(): string {
    return "resume";
  }

  hold(): void {
    this.#shut = true;
  }

  letGo(): void {
    if (this.#shut) this.#count++;
    this.#shut = false;
  }

  wiped(): void {}

  unwiped(): number {
    return 0;
  }

  leave(): void {}
}

/** The gate of the process, which the shim keeps: it holds for draws of every realm at once. */
export class ShimGate implements Gate {
  readonly #shim: Shim;
  readonly changedBy: (before: number, after: number) => string;
  readonly count: () => number;
  /** This realm's handle; undefined while all places are taken. */
  #realm: number | undefined;

  /**
   * Registers this realm, so that others learn whether it has wiped its secrets.
   *
   * @param shim the shim
   * @param changedBy where the shim's count has changed
   */
  constructor(
    shim: Shim,
    changedBy: (before: number, after: number) => string,
  ) {
    this.#shim = shim;
    this.changedBy = changedBy;
    this.count = shim.symbols.vmfork_generation;
    this.#join();
  }

  get quiesce(): number {
    return this.#shim.symbols.vmfork_quiesced();
  }

  /**
   * @throws {ShimError} If all places for realms are taken
   */
  hold(): void {
    const realm = check("vmfork_join", this.#join());
    check("vmfork_quiesce", this.#shim.symbols.vmfork_quiesce(realm));
  }

  letGo(): void {
    if (this.#realm !== undefined) {
      this.#shim.symbols.vmfork_resume(this.#realm);
    }
  }

  wiped(): void {
    const realm = this.#join();
    if (realm >= 0) this.#shim.symbols.vmfork_wiped(realm);
  }

  unwiped(): number {
    return check("vmfork_unwiped", this.#shim.symbols.vmfork_unwiped());
  }

  leave(): void {
    if (this.#realm !== undefined) this.#shim.symbols.vmfork_leave(this.#realm);
    this.#realm = undefined;
  }

  /** The handle, or a negated errno: a place may have become free. */
  #join(): number {
    const realm = this.#realm ?? this.#shim.symbols.vmfork_join();
    if (realm >= 0) this.#realm = realm;
    return realm;
  }
}
