/**
 * Guests for arm64, on a processor that QEMU emulates. Everything for them is fetched when the first of them
 * is started: no other scenario pays for it.
 */

import { remove } from "./cleanup.ts";
import { makeExt4 } from "./ext4.ts";
import { withCacheLock } from "./lock.ts";
import { fetchFromNpm } from "./npm.ts";
import { unpack } from "./packages.ts";
import { CACHE, exists } from "./paths.ts";
import type { Platform } from "./platform.ts";
import { step } from "./progress.ts";
import { type Tools, toolsIn } from "./tools.ts";

/** Where QEMU's `virt` has its memory. */
export const MEMORY_START = 0x4000_0000;

// The package that the npm package `deno` takes on this platform.
const DENO_VERSION = "2.9.5";
const DENO_PACKAGE = `npm:@deno/linux-arm64-glibc@${DENO_VERSION}`;

/** What Deno asks for: `readelf -d` names no other. */
const LIBRARIES = [
  "ld-linux-aarch64.so.1",
  "libc.so.6",
  "libdl.so.2",
  "libgcc_s.so.1",
  "libm.so.6",
  "libpthread.so.0",
];

/** Gets the platform, from the cache if it is there. */
export async function getArm64(tools: Tools): Promise<Platform> {
  const own = toolsIn(
    await unpack({
      folder: "tools-arm64",
      title: "QEMU for arm64, dtc",
      suite: "bookworm-backports",
      names: ["qemu-system-arm", "device-tree-compiler"],
    }),
  );
  const guest = await unpack({
    folder: "guest-arm64",
    title: "BusyBox and C libraries for arm64",
    suite: "bookworm",
    architecture: "arm64",
    names: ["busybox-static", "libc6", "libgcc-s1"],
  });
  const share = `${own.root}/usr/share`;
  return {
    architecture: "arm64",
    emulator: [
      ...own.command("/usr/bin/qemu-system-aarch64"),
      ...["-L", `${share}/qemu`],
    ],
    share,
    chipset: "virt",
    console: "ttyAMA0",
    busybox: `${guest}/bin/busybox`,
    libraries: {
      "/lib/aarch64-linux-gnu": "/runtime/lib",
      "/lib/ld-linux-aarch64.so.1": "/runtime/lib/ld-linux-aarch64.so.1",
    },
    runtimes: await withCacheLock(() => findOrMakeDisk(tools, guest)),
    deno: DENO_VERSION,
    compiler: own.command("/usr/bin/dtc"),
  };
}

async function findOrMakeDisk(tools: Tools, guest: string): Promise<string> {
  const image = `${CACHE}/runtimes-arm64-deno-${DENO_VERSION}.ext4`;
  if (exists(image)) return image;
  const deno = await fetchFromNpm(DENO_PACKAGE, /\/deno$/);
  await step(`disk with Deno ${DENO_VERSION} for arm64`, async () => {
    const tree = `${image}.tree`;
    remove(tree);
    Deno.mkdirSync(`${tree}/bin`, { recursive: true });
    Deno.mkdirSync(`${tree}/lib`);
    Deno.copyFileSync(deno, `${tree}/bin/deno`);
    for (const name of LIBRARIES) {
      Deno.copyFileSync(
        `${guest}/lib/aarch64-linux-gnu/${name}`,
        `${tree}/lib/${name}`,
      );
    }
    await makeExt4(tools, tree, image);
    remove(tree);
  });
  return image;
}
