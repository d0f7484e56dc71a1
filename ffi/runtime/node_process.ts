/** What the library uses of Node's `process`, which Deno has as well. */
export interface NodeProcess {
  readonly platform: string;
  readonly arch: string;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  exitCode?: number | string | null | undefined;
  /** The permission model, where it is on. */
  readonly permission?: { has(scope: string, reference?: string): boolean };
  getuid?(): number;
  dlopen?(module: { exports: object }, path: string): void;
  getBuiltinModule?(name: string): unknown;
}

/** The modules that the library uses. */
interface Builtins {
  "node:fs": typeof import("node:fs");
}

/** This realm's `process`; undefined in what is neither Node nor Deno. */
export function nodeProcess(): NodeProcess | undefined {
  return (globalThis as { process?: NodeProcess }).process;
}

/**
 * A module of Node's, fetched when it is needed: at import nothing happens, and bundlers find nothing to
 * resolve.
 *
 * @throws {TypeError} If this is neither Node 20.16 or later nor Deno
 */
export function builtin<Name extends keyof Builtins>(
  name: Name,
): Builtins[Name] {
  const found = nodeProcess()?.getBuiltinModule?.(name);
  if (found !== undefined) return found as Builtins[Name];
  throw new TypeError(`Cannot find "${name}": it takes Node 20.16 or later`);
}
