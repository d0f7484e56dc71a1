/** A page of guest memory that the host reads and writes: for a device that QEMU does not have. */

import { type Hardware, memoryOf } from "./hardware.ts";

/** The size of a page on x86-64. */
const PAGE = 4096;

/** A page, reserved for the device by the kernel's command line. */
export interface HostPage {
  /** Physical, page aligned, in memory below 3 GiB: there it is the offset in the file of the memory as well. */
  readonly address: number;
  /** What it holds when the machine is switched on. */
  readonly content: Uint8Array;
}

/** Makes the file that a machine has for memory. A clone's is overwritten by what comes in. */
export function createMemory(
  path: string,
  hardware: Hardware,
  { address, content }: HostPage,
): void {
  using file = Deno.createSync(path);
  file.truncateSync(memoryOf(hardware) * 2 ** 20); // QEMU takes no other size
  file.seekSync(address, Deno.SeekMode.Start);
  file.writeSync(content);
}

/** Changes the page of a machine that stands still. */
export function changePage(
  path: string,
  { address }: HostPage,
  change: (page: DataView) => void,
): void {
  using file = Deno.openSync(path, { read: true, write: true });
  const page = new Uint8Array(PAGE);
  file.seekSync(address, Deno.SeekMode.Start);
  file.readSync(page);
  change(new DataView(page.buffer));
  file.seekSync(address, Deno.SeekMode.Start);
  file.writeSync(page);
}
