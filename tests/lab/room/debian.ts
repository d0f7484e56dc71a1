/**
 * A disk with a small Debian for guests that need one: systemd as the first process, and QEMU's guest agent.
 * Read-only and shared like the disk with the runtimes; what a guest writes goes to file systems in memory
 * that `guest/init` puts over it.
 */

import { remove } from "./cleanup.ts";
import { makeExt4 } from "./ext4.ts";
import { unpack } from "./packages.ts";
import { exists } from "./paths.ts";
import { step } from "./progress.ts";
import type { Tools } from "./tools.ts";

// Wanted by packages for their installation, or for what no guest does; none is run here.
const NOT_NEEDED =
  /^(perl.*|lib.*perl.*|libgdbm.*|libdb.*|usrmerge|dpkg|tar|deb.*|dmsetup|init-system-helpers)$/;

const NOT_USED = [
  ...["doc", "man", "locale"].map((folder) => `usr/share/${folder}`),
  "lib/systemd/system/getty.target.wants", // nobody logs in
  "lib/systemd/system/getty-static.service",
];

/** Folders that something is mounted on, or that packages take for granted. */
const FOLDERS = [
  ...["dev", "proc", "sys", "run", "tmp", "var", "root", "home", "srv"],
  ...["lab", "runtime", "usr/local", "etc/systemd/system"],
];

// An id of its own would be made at every boot otherwise, on a disk that cannot keep it.
const FILES: Readonly<Record<string, string>> = {
  "etc/machine-id": `${"0123456789abcdef".repeat(2)}\n`,
  "etc/hostname": "guest\n",
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n" +
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
  "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
  "etc/os-release": 'ID=debian\nPRETTY_NAME="Debian of the lab"\n',
};

/** For the kernel's command line: no more than the guest needs is started, and the console is the program's. */
export const DEBIAN_APPEND =
  "systemd.unit=multi-user.target systemd.getty_auto=no systemd.show_status=no";

/** Gets the disk's image, from the cache if it is there. */
export async function getDebian(tools: Tools): Promise<string> {
  const tree = await unpack({
    folder: "debian",
    title: "systemd, QEMU's guest agent",
    suite: "bookworm",
    names: [
      ...["systemd", "qemu-guest-agent", "dash", "coreutils"],
      ...["util-linux", "mount", "grep", "sed"],
    ],
    only: { test: (name) => !NOT_NEEDED.test(name) },
  });
  const image = `${tree}.ext4`;
  const stamp = `${tree}.packages`;
  const made = exists(image) ? Deno.statSync(image).mtime! : new Date(0);
  if (made < Deno.statSync(stamp).mtime!) {
    await step("disk with systemd", async () => {
      complete(tree);
      await makeExt4(tools, tree, image);
    });
  }
  return image;
}

/** What installing the packages would have added. */
function complete(tree: string): void {
  for (const path of NOT_USED) remove(`${tree}/${path}`);
  for (const path of FOLDERS) {
    Deno.mkdirSync(`${tree}/${path}`, { recursive: true });
  }
  for (const [path, text] of Object.entries(FILES)) {
    Deno.writeTextFileSync(`${tree}/${path}`, text);
  }
}
