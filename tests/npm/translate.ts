import { dirname, join, relative } from "node:path";
import { ROOT, type Sandbox } from "./sandbox.ts";
import { TOOLS } from "./versions.ts";

/** Where the tests are in the sandbox. */
const FOLDER = "translated";
const PACKAGE = "node_modules/@vmfork/crng";
/** These are about Deno, or run a machine room of their own. */
const NOT_FOR_NODE = [
  /^tests\/lab\b/,
  /^tests\/jsr\b/,
  /^tests\/permissions\b/,
  /^tests\/emulator\b/,
  /^tests\/examples\b/,
  /^tests\/lifecycle\b/,
  /^tests\/ffi\/runtime\/deno_/,
  /^tests\/ffi\/install_test\.ts$/,
  /^tests\/npm\/(?!on_node|programs)/,
  /^tests\/sanitizers_/,
  /^bench\/(main|on_deno)\.ts$/,
];
const TEST = /_test\.js$|\/on_node\.js$/;
const SPECIFIER = /(?<=\bfrom\s+"|\bimport\s+"|\bimport\(")[^"]+(?=")/g;

const { exports, imports } = JSON.parse(
  await Deno.readTextFile(`${ROOT}deno.json`),
) as Record<"exports" | "imports", Record<string, string>>;

/** The entry points: their files, and the names that users import them by. */
const ENTRY_POINTS: ReadonlyMap<string, string> = new Map(
  Object.entries(exports).map(([name, file]) => [
    join(file),
    join("@vmfork/crng", name),
  ]),
);

/**
 * Brings the unit tests into the sandbox: the same tests, on what is published.
 *
 * @returns the paths of the test files
 */
export async function translateTests(sandbox: Sandbox): Promise<string[]> {
  const scripts = await translateFolder(sandbox, "tests");
  return scripts.filter((script) => TEST.test(script));
}

/**
 * Brings a folder of this repository into the sandbox as JavaScript for Node, with the names of the sources made
 * those of the installed package.
 *
 * @returns the paths of the scripts
 */
export async function translateFolder(
  sandbox: Sandbox,
  folder: string,
): Promise<string[]> {
  const oracles = Object.values(imports).map((name) =>
    name.replace("npm:", "")
  );
  await sandbox.install(TOOLS.typescript, ...oracles);
  await sandbox.write(`${FOLDER}/package.json`, '{ "type": "module" }\n');
  const files = await listFiles(folder);
  for (const file of files) await copy(sandbox, file);
  const sources = files.filter((file) => file.endsWith(".ts"));
  await sandbox.run(
    "node_modules/.bin/tsc",
    "--noCheck",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    ...sources.map((file) => `${FOLDER}/${file}`),
  );
  return sources.map((file) => `${FOLDER}/${file.replace(/\.ts$/, ".js")}`);
}

async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    const path = `${folder}/${name}`;
    if (NOT_FOR_NODE.some((pattern) => pattern.test(path))) continue;
    if (isDirectory) files.push(...await listFiles(path));
    else if (/\.(ts|json|dtb)$/.test(name)) files.push(path);
  }
  return files.sort();
}

async function copy(sandbox: Sandbox, file: string): Promise<void> {
  if (file.endsWith(".dtb")) {
    const path = sandbox.path(FOLDER, file);
    await Deno.mkdir(dirname(path), { recursive: true });
    return await Deno.copyFile(ROOT + file, path);
  }
  const text = await Deno.readTextFile(ROOT + file);
  const translated = file.endsWith(".ts")
    ? text.replace(SPECIFIER, (specifier) => translate(file, specifier))
    : text;
  await sandbox.write(`${FOLDER}/${file}`, translated);
}

/** What is translated as well stays where it is; sources become the package's entry points, or its files where tests reach inside. */
function translate(file: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  const target = join(dirname(file), specifier);
  const script = (path: string): string => path.replace(/\.ts$/, ".js");
  if (/^(tests|bench)\//.test(target)) return script(specifier);
  return ENTRY_POINTS.get(target) ??
    script(relative(join(FOLDER, dirname(file)), join(PACKAGE, target)));
}
