/** Guest kernels: Debian's cloud kernels, or a file of the user's own. */

import { runBytes } from "./command.ts";
import { PrerequisiteError } from "./errors.ts";
import { type Architecture, unpack } from "./packages.ts";
import { exists } from "./paths.ts";
import type { Tools } from "./tools.ts";

/** The kernels that the lab can get by itself. */
export const KERNELS = {
  /** No vmgenid driver: the kernel never hears of a fork. */
  "6.1": "bookworm",
  /** vmgenid driver. */
  "6.12": "bookworm-backports",
  /** vmgenid driver, and vmclock with poll. */
  "7": "trixie-backports",
} as const;

/** One of {@linkcode KERNELS}. */
export type KernelName = keyof typeof KERNELS;

/** A kernel and the modules that the lab's guests load at boot. */
export interface Kernel {
  /** Its version, or the path that the user gave. */
  readonly name: string;
  /** The image to boot. */
  readonly image: string;
  /** Uncompressed modules, in the order to load them. */
  readonly modules: readonly KernelModule[];
}

/** A module to load at boot. */
export interface KernelModule {
  /** File name. */
  readonly name: string;
  /** Its content. */
  readonly bytes: Uint8Array;
}

// In loading order. One that a kernel does not have is built in, or missing
// from it altogether; 8250, ext4 and vmgenid are built in wherever they are.
const MODULES = [
  "virtio",
  "virtio_ring",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pci",
  "virtio_console",
  "virtio_blk",
  "ptp_vmclock",
];

/** Gets one of the known kernels. */
export async function getKernel(
  name: KernelName,
  tools: Tools,
  architecture: Architecture = "amd64",
): Promise<Kernel> {
  const other = architecture === "amd64" ? "" : `-${architecture}`;
  const root = await unpack({
    folder: `kernel-${name}${other}`,
    title: `Linux ${name}${other}`,
    suite: KERNELS[name],
    architecture,
    names: [`linux-image-cloud-${architecture}`],
    only: /^linux-(image|binary|modules|base)-\d/,
  });
  const image = find(root, /\/vmlinuz[^/]*$/)[0];
  if (image === undefined) {
    throw new PrerequisiteError(`No kernel image in ${root}`);
  }
  const files = find(root, /\/[^/]+\.ko(\.xz)?$/);
  const version = /\/modules\/([^/]+)\//.exec(files[0] ?? "")?.[1] ?? name;
  const modules: KernelModule[] = [];
  for (const module of MODULES) {
    const file = files.find((path) => path.includes(`/${module}.ko`));
    if (file === undefined) continue;
    modules.push({ name: `${module}.ko`, bytes: await expand(file, tools) });
  }
  return { name: version, image, modules };
}

/** Takes a kernel of the user's own, with everything built in. */
export function useKernel(file: string): Kernel {
  if (exists(file)) return { name: file, image: file, modules: [] };
  throw new PrerequisiteError(`No kernel at "${file}"`);
}

async function expand(file: string, tools: Tools): Promise<Uint8Array> {
  if (file.endsWith(".ko")) return Deno.readFileSync(file);
  return await runBytes([`${tools.root}/bin/busybox`, "xzcat", file]);
}

function find(folder: string, pattern: RegExp): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...find(path, pattern));
    else if (pattern.test(path)) found.push(path);
  }
  return found.sort();
}
