/** A disk image out of a folder, without mounting anything. */

import { remove } from "./cleanup.ts";
import { run } from "./command.ts";
import type { Tools } from "./tools.ts";

/** Room for what the file system keeps about its files. */
const OVERHEAD = 1.05;
const BLOCK = 4096;

/** Makes an ext4 image that holds a folder's files, whole or not at all. */
export async function makeExt4(
  tools: Tools,
  tree: string,
  image: string,
): Promise<void> {
  const fresh = `${image}.new`;
  remove(fresh);
  const mebi = Math.ceil(sizeOf(tree) * OVERHEAD / 2 ** 20) + 8;
  await run([
    ...tools.command("/sbin/mke2fs"),
    ...["-q", "-t", "ext4", "-m", "0", "-d", tree],
    ...["-O", "^has_journal,^metadata_csum,^resize_inode"],
    fresh,
    `${mebi}M`,
  ], { env: { MKE2FS_CONFIG: `${tools.root}/etc/mke2fs.conf` } });
  Deno.renameSync(fresh, image);
}

function sizeOf(folder: string): number {
  let size = 0;
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) size += BLOCK + sizeOf(path);
    if (isFile) size += Math.ceil(Deno.statSync(path).size / BLOCK) * BLOCK;
  }
  return size;
}
