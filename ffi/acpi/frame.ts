import { isSearched, type NameString } from "./path.ts";
import type { Value } from "./values.ts";

/** What a running method, or an expression outside of one, can name. */
export interface Frame {
  /** Where the search for names starts. */
  readonly scope: string;
  /** Local0 to Local7. */
  readonly locals: (Value | undefined)[];
  /** Names that the method itself declares. */
  readonly names: Map<string, Value>;
}

/** A frame in which nothing has a value yet. */
export function newFrame(scope: string): Frame {
  return { scope, locals: [], names: new Map() };
}

/** The value of a name that the method itself declares. */
export function ownName(name: NameString, frame: Frame): Value | undefined {
  return isSearched(name) ? frame.names.get(name.segments[0]!) : undefined;
}
