import { changedBy, type GenerationSource, lookAt } from "../../crng/ports.ts";
import type { Gate } from "../gate.ts";

/** How many changes it can tell of. */
const REMEMBERED = 6;

/**
 * A source of the program's own, which knows nothing of a quiesce: behind a gate its count reads 0 while that
 * is shut, and has grown once it opens. One object for all that compare its counts.
 */
export class GatedSource implements GenerationSource {
  readonly name: string;
  readonly timely: boolean;
  readonly #source: GenerationSource;
  readonly #gate: Gate;
  // Both counts as they were seen last, and a count of their changes: a sum would hide two that cancel out.
  #own = 0;
  #gateCount = 0;
  #count = 0;
  /** Where the last changes were seen, the first of them first. */
  readonly #seenBy: string[] = [];

  constructor(source: GenerationSource, gate: Gate) {
    this.name = source.name;
    this.timely = source.timely;
    this.#source = source;
    this.#gate = gate;
  }

  generation(): number {
    return this.#joined(this.#source.generation());
  }

  look(): number {
    return this.#joined(lookAt(this.#source));
  }

  changedBy(before: number, after: number): string {
    const first = this.#count - this.#seenBy.length;
    if (before < first) return this.name;
    return this.#seenBy.slice(before - first, after - first).join("+");
  }

  quiesced(): boolean {
    return this.#gate.quiesce !== 0 || (this.#source.quiesced?.() ?? false);
  }

  uniqueId(into: Uint8Array): number {
    return this.#source.uniqueId(into);
  }

  async changed(known: number, signal: AbortSignal): Promise<number> {
    const own = this.#source.generation();
    if (this.#joined(own) === known) await this.#source.changed(own, signal);
    return this.generation();
  }

  /** Both counts as one: it grows when either changes, and is 0 when either is. */
  #joined(own: number): number {
    const gate = this.#gate.count();
    if (!(own > 0 && gate > 0)) return 0;
    if (own !== this.#own || gate !== this.#gateCount) this.#grow(own, gate);
    return this.#count;
  }

  #grow(own: number, gate: number): void {
    const seenBy = own === this.#own
      ? this.#gate.changedBy(this.#gateCount, gate)
      : changedBy(this.#source, this.#own, own);
    this.#seenBy.push(seenBy);
    if (this.#seenBy.length > REMEMBERED) this.#seenBy.shift();
    this.#own = own;
    this.#gateCount = gate;
    this.#count++;
  }
}
