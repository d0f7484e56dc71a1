/**
 * Checks the npm package as its users get it: built twice, linted, compiled against, installed into an empty folder,
 * imported, required, and with the unit tests run on it.
 *
 * ```sh
 * deno run -A tests/npm/main.ts [--matrix]
 * ```
 *
 * The machine's own Node runs it; with `--matrix` the other supported majors too.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { runConsumers, runTests } from "./runs.ts";
import { Sandbox } from "./sandbox.ts";
import {
  checkManifest,
  checkPublishing,
  checkReproducible,
  checkTypes,
} from "./static_checks.ts";
import { translateTests } from "./translate.ts";
import { NODES } from "./versions.ts";

async function checkOn(
  sandbox: Sandbox,
  node: string,
  tests: readonly string[],
): Promise<void> {
  await runConsumers(sandbox, node);
  await runTests(sandbox, node, tests);
}

async function checkMatrix(
  sandbox: Sandbox,
  tests: readonly string[],
): Promise<void> {
  // The package `node` fetches one of these by a script; no script runs here.
  const name = `node-linux-${process.arch}`;
  for (const version of NODES) {
    await using other = await Sandbox.create();
    await other.install(`${name}@${version}`);
    const node = other.path("node_modules", name, "bin/node");
    await checkOn(sandbox, node, tests);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { matrix: { type: "boolean" } } });
  await using sandbox = await Sandbox.create();
  const tarball = await checkReproducible(sandbox);
  await sandbox.install(tarball);
  await checkManifest(sandbox);
  await runConsumers(sandbox, "node");
  await checkPublishing(sandbox, tarball);
  await checkTypes(sandbox);
  const tests = await translateTests(sandbox);
  await runTests(sandbox, "node", tests);
  if (values.matrix) await checkMatrix(sandbox, tests);
}

if (import.meta.main) await main();
