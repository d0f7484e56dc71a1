import assert from "node:assert/strict";
import { buildNpm } from "../../scripts/build_npm.ts";
import { ROOT, type Sandbox } from "./sandbox.ts";
import { TOOLS } from "./versions.ts";

const CONSUMER = "typescript.ts";
const BUNDLER = ["--module", "esnext", "--moduleResolution", "bundler"];
const TARGET = ["--target", "es2022"];
/** With the types of browsers, as by default, and with those of Node instead. */
const TSC_MODES: readonly string[][] = [
  ["--module", "nodenext", ...TARGET],
  [...BUNDLER, ...TARGET],
  ["--module", "nodenext", ...TARGET, "--lib", "es2022", "--types", "node"],
  [...BUNDLER, "--target", "esnext", "--exactOptionalPropertyTypes"],
];

/** Two builds give the same bytes. */
export async function checkReproducible(sandbox: Sandbox): Promise<string> {
  const [first, second] = [
    await buildNpm(sandbox.path("first")),
    await buildNpm(sandbox.path("second")),
  ];
  const bytes = await Deno.readFile(first);
  assert.deepEqual(bytes, await Deno.readFile(second));
  console.log(`ok reproducible: ${bytes.length} bytes, twice the same`);
  return first;
}

/** What package.json says, and what must not be in it. */
export async function checkManifest(sandbox: Sandbox): Promise<void> {
  const manifest = JSON.parse(
    await Deno.readTextFile(
      sandbox.path("node_modules/@vmfork/crng/package.json"),
    ),
  );
  for (const absent of ["dependencies", "scripts", "optionalDependencies"]) {
    assert.equal(manifest[absent], undefined, absent);
  }
  assert.equal(manifest.sideEffects, false);
  for (const [name, entry] of Object.entries(manifest.exports)) {
    if (name === "./package.json") continue;
    assert.equal(Object.keys(entry as object)[0], "types", name);
  }
  console.log("ok package.json: no dependency, no script, types first");
}

/** publint and Are The Types Wrong. */
export async function checkPublishing(
  sandbox: Sandbox,
  tarball: string,
): Promise<void> {
  await sandbox.install(TOOLS.publint, TOOLS.attw);
  await sandbox.run("node_modules/.bin/publint", "--strict", tarball);
  console.log(`ok ${TOOLS.publint} --strict`);
  await sandbox.run(
    "node_modules/.bin/attw",
    tarball,
    "--profile",
    "esm-only",
    "--no-emoji",
  );
  console.log(`ok ${TOOLS.attw} --profile esm-only`);
}

/** Programs in TypeScript, with every type of ours looked at too. */
export async function checkTypes(sandbox: Sandbox): Promise<void> {
  await sandbox.install(TOOLS.typescript, "@types/node@20.19.43");
  await sandbox.write("types/package.json", '{ "type": "module" }\n');
  await Deno.copyFile(
    `${ROOT}tests/npm/consumers/${CONSUMER}`,
    sandbox.path("types", CONSUMER),
  );
  for (const mode of TSC_MODES) {
    const types = mode.includes("--types") ? [] : ["--types", "none"];
    if (types.length > 0) {
      await sandbox.write(
        "node_modules/@types/none/index.d.ts",
        "export {};\n",
      );
    }
    await sandbox.run(
      "node_modules/.bin/tsc",
      "--noEmit",
      "--strict",
      ...mode,
      ...types,
      `types/${CONSUMER}`,
    );
    console.log(`ok tsc --strict ${mode.join(" ")}`);
  }
}
