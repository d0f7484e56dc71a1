/** QEMU and the few other programs of the host's side, from packages. */

import { run } from "./command.ts";
import { unpack } from "./packages.ts";
import { exists } from "./paths.ts";

/** Programs unpacked into the cache, run with their own C library. */
export interface Tools {
  /** The folder that holds them, laid out like `/`. */
  readonly root: string;
  /** An empty qcow2 image, for machines that keep their state in one. */
  readonly emptyState: string;
  /** The start of a command line that runs one of them. */
  command(program: string): string[];
}

/** Gets the tools, from the cache if they are there. */
export async function getTools(): Promise<Tools> {
  const root = await unpack({
    folder: "tools",
    title: "QEMU, BusyBox, OVMF",
    suite: "bookworm-backports",
    names: [
      "qemu-system-x86",
      "qemu-utils",
      "ovmf",
      "busybox-static",
      "e2fsprogs",
    ],
  });
  const { command } = toolsIn(root);
  const emptyState = `${root}/empty.qcow2`;
  if (!exists(emptyState)) {
    const create = [...command("/usr/bin/qemu-img"), "create", "-q"];
    await run([...create, "-f", "qcow2", emptyState, "1M"]);
  }
  return { root, emptyState, command };
}

/** Programs unpacked into a folder, which run with the C library that came along. */
export function toolsIn(root: string): Pick<Tools, "root" | "command"> {
  const libraries = ["/lib", "/usr/lib"].map((folder) =>
    `${root}${folder}/x86_64-linux-gnu`
  ).join(":");
  const command = (program: string): string[] => [
    `${root}/lib64/ld-linux-x86-64.so.2`,
    "--library-path",
    libraries,
    `${root}${program}`,
  ];
  return { root, command };
}
