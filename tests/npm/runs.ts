import assert from "node:assert/strict";
import { ROOT, type Sandbox } from "./sandbox.ts";

const LEVELS = /^(kernel|hedged|memory) /;
const FAILURE = /^ *not ok [^]*?^ *\.\.\.$/gm;
const COUNTS = /^# (tests|pass|fail) (\d+)$/gm;

/** `npm install ./the-tarball && node example.mjs` in an empty folder. */
export async function runConsumers(
  sandbox: Sandbox,
  node: string,
): Promise<void> {
  for (const name of ["import.mjs", "require.cjs", "example.mjs"]) {
    await Deno.copyFile(
      `${ROOT}tests/npm/consumers/${name}`,
      sandbox.path(name),
    );
  }
  const version = (await sandbox.run(node, "--version")).trim();
  for (const name of ["import.mjs", "require.cjs"]) {
    const output = await sandbox.run(node, name);
    assert.match(output, /^32 32 32 function$/m);
    console.log(`ok Node ${version}: ${name}`);
  }
  const output = await sandbox.run(node, "example.mjs");
  assert.match(output, LEVELS);
  console.log(`ok Node ${version}: example.mjs\n   ${output.trim()}`);
}

/** Runs test files under `node --test`. */
export async function runTests(
  sandbox: Sandbox,
  node: string,
  files: readonly string[],
): Promise<void> {
  const { code, output } = await sandbox.end(
    node,
    "--test",
    "--test-reporter=tap",
    ...files,
  );
  const counts = Object.fromEntries(
    [...output.matchAll(COUNTS)].map((
      [, name, count],
    ) => [name, Number(count)]),
  );
  if (code !== 0 || counts.fail !== 0 || !(counts.pass! > 0)) {
    throw new Error(`node --test: status ${code}\n${failuresOf(output)}`);
  }
  const version = (await sandbox.run(node, "--version")).trim();
  console.log(
    `ok Node ${version}: ${counts.pass} of ${counts.tests} tests in ${files.length} files`,
  );
}

/** What TAP says of the tests that failed; all of it where there are none, as when Node itself fails. */
function failuresOf(output: string): string {
  return [...output.matchAll(FAILURE)].join("\n") || output;
}
