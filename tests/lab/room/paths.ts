/** The lab's one folder for everything it downloads and makes. */

import { fileURLToPath } from "node:url";

/** The folder of the lab's own sources. */
export const LAB_SOURCE: string = trim(new URL("..", import.meta.url));

/** The project's root. */
export const PROJECT: string = trim(new URL("../../..", import.meta.url));

/** Ignored by git; deleting it costs a download and nothing else. */
export const CACHE: string = `${PROJECT}/.lab`;

/** Snapshots and output of runs that are going on, by process id. */
export const RUNS: string = `${CACHE}/run`;

/** What a run with `--keep` leaves behind. */
export const KEPT: string = `${CACHE}/kept`;

/** Whether a file or folder is there. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function trim(url: URL): string {
  return fileURLToPath(url).replace(/\/$/, "");
}
