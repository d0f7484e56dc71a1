/**
 * Builds the npm package: what `deno pack` makes of the sources, with the rest of `package.json` and both
 * architectures' shim as files. The same sources give the same bytes.
 *
 * ```sh
 * deno run -A scripts/build_npm.ts [--out DIR]
 * ```
 *
 * It prints the path of the tarball.
 *
 * @module
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { SHIM_FILES } from "../ffi/shim/embedded.ts";
import { shimBytes } from "../ffi/shim/file.ts";

const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** What `deno pack` leaves out of package.json. */
const COMPLETION = {
  description:
    "Random numbers that stay unique when a virtual machine is cloned, restored from a snapshot or rolled back",
  keywords: [
    "random",
    "csprng",
    "uuid",
    "crypto",
    "snapshot",
    "virtual-machine",
    "vmgenid",
    "fork-safety",
  ],
  engines: { node: ">=20.19" },
  sideEffects: false,
} as const;

type Manifest = Record<string, unknown> & {
  name: string;
  version: string;
  exports: Record<string, unknown>;
};

async function run(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
  }).output();
  if (code === 0) return;
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  throw new Error(`Cannot run ${command} ${args.join(" ")}: ${text.join("")}`);
}

/** The package as `deno pack` makes it, unpacked. */
async function packSources(folder: string): Promise<string> {
  const tarball = join(folder, "sources.tgz");
  const flags = ["--quiet", "--allow-dirty", "--no-source-maps"];
  await run(Deno.execPath(), ["pack", ...flags, "--output", tarball]);
  await run("tar", ["-xzf", tarball, "-C", folder]);
  return join(folder, "package");
}

async function completeManifest(path: string): Promise<Manifest> {
  const { name, version, exports, ...rest } = JSON.parse(
    await Deno.readTextFile(path),
  ) as Manifest;
  const manifest: Manifest = {
    name,
    version,
    ...COMPLETION,
    ...rest,
    exports: { ...exports, "./package.json": "./package.json" },
  };
  await Deno.writeTextFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** `Symbol.dispose` is not in the libraries of ES2022, and JSR allows no such reference in the sources. */
async function addReferences(folder: string): Promise<void> {
  const path = join(folder, "crng", "base_crng.d.ts");
  const types = await Deno.readTextFile(path);
  await Deno.writeTextFile(
    path,
    `/// <reference lib="esnext.disposable" />\n${types}`,
  );
}

/** In Node the shim is a file beside the code that holds the same bytes. */
async function addShims(folder: string): Promise<void> {
  for (const file of Object.values(SHIM_FILES)) {
    await Deno.writeFile(join(folder, file.name), shimBytes(file));
  }
}

/** One order, one time, one owner, and no time in the gzip header. */
async function writeTarball(folder: string, path: string): Promise<void> {
  await run("tar", [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rwX,go=rX",
    "--format=ustar",
    "--use-compress-program=gzip -9 --no-name",
    "-cf",
    path,
    "-C",
    folder,
    "package",
  ]);
}

/**
 * Builds the tarball.
 *
 * @param out the folder to put it into; it is made if it is missing
 * @returns its path
 */
export async function buildNpm(out: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-npm-" });
  try {
    const contents = await packSources(folder);
    const { name, version } = await completeManifest(
      join(contents, "package.json"),
    );
    await addReferences(contents);
    await addShims(join(contents, "ffi", "shim"));
    await Deno.mkdir(out, { recursive: true });
    const file = `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
    await writeTarball(folder, join(out, file));
    return join(out, file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { out: { type: "string", default: join(ROOT, "dist") } },
  });
  console.log(await buildNpm(values.out));
}
