/** A NameString as it stands in the table (ACPI 6.5 section 20.2.2). */
export interface NameString {
  /** Starts with a backslash. */
  readonly root: boolean;
  /** How many `^` it starts with. */
  readonly parents: number;
  /** The NameSegs, without the underscores that pad them to four characters. */
  readonly segments: readonly string[];
}

/** The absolute path of the namespace's root. */
export const ROOT = "\\";

/** The absolute path of a child. */
export function join(scope: string, segment: string): string {
  return scope === ROOT ? ROOT + segment : `${scope}.${segment}`;
}

/** The absolute path one level up; `undefined` above the root. */
export function parentOf(path: string): string | undefined {
  if (path === ROOT) return undefined;
  const dot = path.lastIndexOf(".");
  return dot < 0 ? ROOT : path.slice(0, dot);
}

/** The last segment of an absolute path. */
export function lastSegment(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("."), 0) + 1);
}

/** The path a name gives without any search; `undefined` above the root. */
export function absolutePath(
  name: NameString,
  scope: string,
): string | undefined {
  let path: string | undefined = name.root ? ROOT : scope;
  for (let i = 0; i < name.parents && path !== undefined; i++) {
    path = parentOf(path);
  }
  return path === undefined ? undefined : name.segments.reduce(join, path);
}

/**
 * Whether a name is looked for in the enclosing scopes as well: a single
 * segment without prefix (ACPI 6.5 section 5.3).
 */
export function isSearched(name: NameString): boolean {
  return !name.root && name.parents === 0 && name.segments.length === 1;
}

/** A name for people, close to its spelling in ASL. */
export function formatName(name: NameString): string {
  return (name.root ? ROOT : "^".repeat(name.parents)) +
    name.segments.join(".");
}
