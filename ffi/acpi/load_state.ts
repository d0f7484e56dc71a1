import type { AmlReader } from "./aml_reader.ts";
import { MAX_PATH_LENGTH } from "./limits.ts";
import type { Namespace } from "./namespace.ts";
import { absolutePath, type NameString } from "./path.ts";

/** Where the load pass is. */
export interface LoadState {
  readonly namespace: Namespace;
  readonly reader: AmlReader;
  /** Absolute path of the scope that new names go to. */
  readonly scope: string;
  readonly nesting: number;
}

/** The path that a declaration gives its name: never searched for. */
export function newPath(state: LoadState, name: NameString): string {
  const path = absolutePath(name, state.scope);
  if (path === undefined) {
    throw state.reader.error("The name leads above the root");
  }
  if (path.length > MAX_PATH_LENGTH) {
    throw state.reader.error(
      `The path has more than ${MAX_PATH_LENGTH} characters`,
      state.reader.offset,
      "acpi-limit",
    );
  }
  return path;
}
