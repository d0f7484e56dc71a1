/** What a guest's processor decides: the emulator, and the programs for the guest. */

import type { Architecture } from "./packages.ts";
import type { Runtimes } from "./runtimes.ts";
import type { Tools } from "./tools.ts";

/** What machines and guests of one architecture have in common. */
export interface Platform {
  /** Debian's name of it. */
  readonly architecture: Architecture;
  /** The start of a command line that runs QEMU. */
  readonly emulator: readonly string[];
  /** The folder of QEMU's files and the firmware's. */
  readonly share: string;
  /** The chipset of machines that name none. */
  readonly chipset: string;
  /** The first serial line, for the kernel's console. */
  readonly console: string;
  /** BusyBox for the guest. */
  readonly busybox: string;
  /** Where the guest's programs look for their libraries: links into the disk with the runtimes. */
  readonly libraries: Readonly<Record<string, string>>;
  /** The disk with the runtimes. */
  readonly runtimes: string;
  /** The version of Deno on it. */
  readonly deno: string;
  /** The start of a command line that runs `dtc`, where a device tree describes machines. */
  readonly compiler?: readonly string[];
}

/** The platform of every guest that names none. */
export function amd64(tools: Tools, runtimes: Runtimes): Platform {
  const share = `${tools.root}/usr/share`;
  return {
    architecture: "amd64",
    emulator: [
      ...tools.command("/usr/bin/qemu-system-x86_64"),
      ...["-L", `${share}/qemu`, "-L", `${share}/seabios`],
    ],
    share,
    chipset: "pc",
    console: "ttyS0",
    busybox: `${tools.root}/bin/busybox`,
    libraries: {
      "/lib/x86_64-linux-gnu": "/runtime/lib",
      "/lib64": "/runtime/lib",
    },
    runtimes: runtimes.image,
    deno: runtimes.deno,
  };
}
