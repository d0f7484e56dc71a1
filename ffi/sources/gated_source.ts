import { changedBy, type GenerationSource, lookAt } from "../../crng/ports.ts";
import type { Gate } from "../gate.ts";

/**
 * A source of the program's own, which knows nothing of a quiesce: behind a gate its count reads 0 while that
 * is shut, and has grown once it opens. One object for one generator.
 */
export class GatedSource implements GenerationSource {
  readonly name: string;
  readonly timely: boolean;
  readonly #source: GenerationSource;
  readonly #gate: Gate;
  /** The source's own count when a change was last asked about. */
  #own: number;

  constructor(source: GenerationSource, gate: Gate) {
    this.name = source.name;
    this.timely = source.timely;
    this.#source = source;
    this.#gate = gate;
    this.#own = firstCount(source);
  }

  generation(): number {
    return this.#joined(this.#source.generation());
  }

  look(): number {
    return this.#joined(lookAt(this.#source));
  }

  changedBy(): string {
    const own = this.#source.generation();
    if (own === this.#own) return this.#gate.changedBy();
    this.#own = own;
    return changedBy(this.#source);
  }

  quiesced(): boolean {
    return this.#gate.shut || (this.#source.quiesced?.() ?? false);
  }

  uniqueId(into: Uint8Array): number {
    return this.#source.uniqueId(into);
  }

  async changed(known: number, signal: AbortSignal): Promise<number> {
    const own = this.#source.generation();
    if (this.#joined(own) === known) await this.#source.changed(own, signal);
    return this.generation();
  }

  /** Both counts as one: it changes when either does, and is 0 when either is. */
  #joined(own: number): number {
    const gate = this.#gate.count();
    return own > 0 && gate > 0 ? own + gate - 1 : 0;
  }
}

/** A source that throws is none to refuse here: draws meet the same, and pass it on. */
function firstCount(source: GenerationSource): number {
  try {
    return source.generation();
  } catch {
    return 0;
  }
}
