/** The npm package, built and unpacked for guests that run Node. */

import { run } from "./command.ts";
import { PROJECT } from "./paths.ts";

/** The files of the package as it is installed, under `node_modules/`. */
export async function npmPackage(): Promise<Record<string, Uint8Array>> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-npm-" });
  try {
    const build = ["run", "--allow-all", "scripts/build_npm.ts", "--out"];
    const printed = await run([Deno.execPath(), ...build, folder], {
      cwd: PROJECT,
    });
    const tarball = printed.trim().split("\n").at(-1)!;
    await run(["tar", "-xzf", tarball, "-C", folder]);
    return await readAll(`${folder}/package`, "node_modules/@vmfork/crng");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readAll(
  folder: string,
  as: string,
): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const [from, to] = [`${folder}/${name}`, `${as}/${name}`];
    if (isDirectory) Object.assign(files, await readAll(from, to));
    else files[to] = await Deno.readFile(from);
  }
  return files;
}
