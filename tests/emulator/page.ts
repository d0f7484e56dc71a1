import type { GenerationSource } from "../../crng/mod.ts";

const UNIQUE_ID_SIZE = 16;

/** A generation page that the test writes in place of a hypervisor. */
export class EmulatedPage implements GenerationSource {
  readonly name = "emulated page";
  readonly timely: boolean;
  #count = 1;
  #id = 0;

  constructor({ timely }: { readonly timely: boolean }) {
    this.timely = timely;
  }

  /** What a hypervisor does before the first instruction after resume. */
  change(id: number): void {
    this.#count++;
    this.#id = id;
  }

  generation(): number {
    return this.#count;
  }

  uniqueId(into: Uint8Array): number {
    into.fill(this.#id, 0, UNIQUE_ID_SIZE);
    return UNIQUE_ID_SIZE;
  }

  changed(): Promise<number> {
    return Promise.reject(new Error("Nothing waits in the emulator"));
  }
}
