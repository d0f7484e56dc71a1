/**
 * Runs the bench on Node, on the package as it is installed.
 *
 * ```sh
 * deno run -A tests/npm/bench.ts [--node PATH] [--json]
 * ```
 *
 * @module
 */

import { parseArgs } from "node:util";
import { buildNpm } from "../../scripts/build_npm.ts";
import { Sandbox } from "./sandbox.ts";
import { translateFolder } from "./translate.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      node: { type: "string", default: "node" },
      json: { type: "boolean" },
    },
  });
  await using sandbox = await Sandbox.create();
  await sandbox.install(await buildNpm(sandbox.path("dist")));
  const scripts = await translateFolder(sandbox, "bench");
  const main = scripts.find((script) => script.endsWith("/main_node.js"))!;
  const flags = values.json ? ["--json"] : [];
  console.log((await sandbox.run(values.node, main, ...flags)).trimEnd());
}

if (import.meta.main) await main();
