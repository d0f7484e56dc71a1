/**
 * Draws a lab report: `report.html`, one file that needs no network, and
 * `main-picture.svg` for the README.
 *
 * @module
 */

import type { LabReport } from "../figures.ts";
import { page } from "./page.ts";
import { picture } from "./picture.ts";

/** Writes both files; the picture only if clones were measured. */
export async function writeReport(
  report: LabReport,
  folder: string,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/report.html`, page(report));
  const drawn = picture(report);
  if (drawn === undefined) return;
  await Deno.writeTextFile(`${folder}/main-picture.svg`, drawn);
}
