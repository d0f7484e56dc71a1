/** One file out of a guest program and all it imports: guests are offline. */

import { isAbsolute } from "node:path";
import { run } from "./command.ts";
import { LAB_SOURCE, PROJECT } from "./paths.ts";

const bundles = new Map<string, Promise<string>>();

/** Bundles a program of `guest/`, or of any path, for Deno and Node alike. */
export function bundle(name: string): Promise<string> {
  const known = bundles.get(name);
  if (known !== undefined) return known;
  const entry = isAbsolute(name) ? name : `${LAB_SOURCE}/guest/${name}`;
  const command = [Deno.execPath(), "bundle", "--quiet", "--no-lock", entry];
  const made = run(command, { cwd: PROJECT });
  bundles.set(name, made);
  return made;
}
