/** A guest's initramfs: BusyBox, modules, `/init` and the guest's own files. */

import { type Entry, pack } from "./cpio.ts";
import type { Kernel } from "./kernels.ts";
import { LAB_SOURCE } from "./paths.ts";
import type { Platform } from "./platform.ts";

/** What a guest runs. */
export interface Program {
  /** Shell command, run in `/lab` as root. */
  readonly command: string;
  /** Files by guest path (relative to `/lab`): their content or text. */
  readonly files: Readonly<Record<string, Uint8Array | string>>;
}

/** Builds the archive. */
export function buildInitramfs(
  platform: Platform,
  kernel: Kernel,
  program: Program,
): Uint8Array<ArrayBuffer> {
  const modules = kernel.modules;
  const order = modules.map(({ name }) => `${name}\n`).join("");
  const entries: Entry[] = [
    ...["init", "debian_init", "debian_program"].map((name) =>
      file(`/${name}`, Deno.readFileSync(`${LAB_SOURCE}/guest/${name}`))
    ),
    file("/bin/busybox", Deno.readFileSync(platform.busybox)),
    ...Object.entries(platform.libraries).map(([path, link]) => ({
      path,
      link,
    })),
    ...["/dev", "/proc", "/sys", "/tmp", "/root"].map((path) => (
      { path, folder: true } as const
    )),
    file("/modules/order", order),
    ...modules.map(({ name, bytes }) => file(`/modules/${name}`, bytes)),
    file("/lab/run", `${program.command}\n`),
    ...Object.entries(program.files).map(([path, content]) =>
      file(path.startsWith("/") ? path : `/lab/${path}`, content)
    ),
  ];
  return pack(entries);
}

function file(path: string, content: Uint8Array | string): Entry {
  const bytes = typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
  return { path, bytes, executable: true };
}
