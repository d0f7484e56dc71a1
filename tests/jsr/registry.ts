import { createHash } from "node:crypto";
import { dirname, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

// https://jsr.io/docs/api: the files of a registry, which Deno also reads from a folder when JSR_URL names one.

const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));
const LISTED = /^ +(file:\/\/\S+) \(/gm;
const MODULE = /\.ts$/;

interface Package {
  name: string;
  version: string;
  exports: Record<string, string>;
}

/** A place in a file: line and column, both from 0. */
interface Place {
  line: number;
  character: number;
}

interface Span {
  span: { start: Place; end: Place };
}

/** What `deno info --json` says of one import. */
interface Import {
  specifier: string;
  code?: Span;
  type?: Span;
}

/** Runs this Deno in the root of the repository. */
async function deno(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const [out, errors] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  if (code !== 0) throw new Error(`deno ${args.join(" ")}: ${errors}`);
  return args.includes("--json") ? out! : `${out}${errors}`;
}

/** The files that would be published, relative to the root. */
async function listPublished(): Promise<string[]> {
  const output = await deno("publish", "--dry-run", "--allow-dirty");
  return [...output.matchAll(LISTED)]
    .map(([, url]) => relative(ROOT, fileURLToPath(url!)));
}

function describeImport({ specifier, code, type }: Import): unknown {
  const { start, end } = (code ?? type)!.span;
  return {
    type: "static",
    kind: code === undefined ? "importType" : "import",
    specifier,
    specifierRange: [[start.line, start.character], [end.line, end.character]],
  };
}

/** What each published module imports, so that Deno can fetch all of them at once. */
async function describeGraph(
  files: readonly string[],
): Promise<Record<string, unknown>> {
  const imports = new Map<string, Import[]>();
  const graph: Record<string, unknown> = {};
  for (const file of files.filter((file) => MODULE.test(file))) {
    const url = pathToFileURL(ROOT + file).href;
    if (!imports.has(url)) await readImports(file, imports);
    const dependencies = imports.get(url)!.map(describeImport);
    graph[`/${file}`] = dependencies.length > 0 ? { dependencies } : {};
  }
  return graph;
}

/** Adds what this module imports, and what all that it leads to import. */
async function readImports(
  file: string,
  into: Map<string, Import[]>,
): Promise<void> {
  const { modules } = JSON.parse(await deno("info", "--json", file)) as {
    modules: { specifier: string; dependencies?: Import[] }[];
  };
  for (const { specifier, dependencies } of modules) {
    into.set(specifier, dependencies ?? []);
  }
}

/**
 * Lays out a registry that holds this package as it would be published, and nothing else.
 *
 * @param folder an empty folder
 * @returns what JSR_URL must be
 */
export async function layOutRegistry(folder: string): Promise<string> {
  const { name, version, exports } = JSON.parse(
    await Deno.readTextFile(`${ROOT}deno.json`),
  ) as Package;
  const files = await listPublished();
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const file of files) {
    const bytes = await Deno.readFile(ROOT + file);
    const digest = createHash("sha256").update(bytes).digest("hex");
    manifest[`/${file}`] = { size: bytes.length, checksum: `sha256-${digest}` };
    const copy = `${folder}/${name}/${version}/${file}`;
    await Deno.mkdir(dirname(copy), { recursive: true });
    await Deno.writeFile(copy, bytes);
  }
  const [scope, short] = name.slice(1).split("/");
  await writeJson(`${folder}/${name}/meta.json`, {
    scope,
    name: short,
    latest: version,
    versions: { [version]: {} },
  });
  await writeJson(`${folder}/${name}/${version}_meta.json`, {
    manifest,
    exports,
    moduleGraph2: await describeGraph(files),
  });
  return `${pathToFileURL(folder).href}/`;
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value));
}
