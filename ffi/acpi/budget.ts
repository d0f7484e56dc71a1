import type { AmlReader } from "./aml_reader.ts";
import type { AcpiError } from "./errors.ts";
import {
  MAX_CALL_DEPTH,
  MAX_EXPRESSION_DEPTH,
  MAX_NESTING,
  MAX_PACKAGE_DEPTH,
  MAX_REGION_CHAIN,
  MAX_STEPS,
} from "./limits.ts";

/** What can lie in itself during an evaluation: how deep, and what to say. */
const DEPTHS = {
  term: [MAX_EXPRESSION_DEPTH, "Terms nest"],
  block: [MAX_NESTING, "Blocks nest"],
  package: [MAX_PACKAGE_DEPTH, "Packages nest"],
  call: [MAX_CALL_DEPTH, "Methods call"],
  region: [MAX_REGION_CHAIN, "Regions depend on each other"],
} as const;

/** Something that {@linkcode Budget} counts the depth of. */
export type Nesting = keyof typeof DEPTHS;

/** What one evaluation may still cost. */
export class Budget {
  #steps = 0;
  readonly #depth: Record<Nesting, number> = {
    term: 0,
    block: 0,
    package: 0,
    call: 0,
    region: 0,
  };

  /** Takes one step, or refuses to. */
  step(reader: AmlReader): void {
    if (++this.#steps > MAX_STEPS) {
      throw exceeded(
        reader,
        `The evaluation takes more than ${MAX_STEPS} steps`,
      );
    }
  }

  /** Does something one level deeper, or refuses to. */
  within<T>(nesting: Nesting, reader: AmlReader, act: () => T): T {
    const [limit, what] = DEPTHS[nesting];
    if (this.#depth[nesting] >= limit) {
      throw exceeded(reader, `${what} deeper than ${limit}`);
    }
    this.#depth[nesting]++;
    try {
      return act();
    } finally {
      this.#depth[nesting]--;
    }
  }
}

/** An error about a bound, at the reader's place. */
export function exceeded(reader: AmlReader, reason: string): AcpiError {
  return reader.error(reason, reader.offset, "acpi-limit");
}
