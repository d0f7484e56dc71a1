/** A program out of an npm package, fetched with Deno's own client. */

import { run } from "./command.ts";
import { PrerequisiteError } from "./errors.ts";
import { CACHE, exists } from "./paths.ts";
import { step } from "./progress.ts";

/**
 * Fetches a package, once, and returns the path of a file in it, made executable.
 *
 * @param name what Deno is to fetch, with its version
 * @param pattern what the file's path is like
 */
export async function fetchFromNpm(
  name: string,
  pattern: RegExp,
): Promise<string> {
  // With its version: another one must not be found in its place.
  const cache = `${CACHE}/${name.replaceAll(/[^\w.@-]/g, "-")}`;
  const find = (): string | undefined =>
    exists(cache) ? findFile(cache, pattern) : undefined;
  if (find() === undefined) {
    await step(name, async () => {
      await run([Deno.execPath(), "cache", "--no-config", name], {
        env: { DENO_DIR: cache },
      });
    });
  }
  const path = find();
  if (path === undefined) throw new PrerequisiteError(`No program in ${name}`);
  Deno.chmodSync(path, 0o755);
  return path;
}

function findFile(folder: string, pattern: RegExp): string | undefined {
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    const found = entry.isDirectory
      ? findFile(path, pattern)
      : pattern.test(path)
      ? path
      : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
