/** A page of guest memory that the lab writes, as a hypervisor does: for a device that QEMU does not have. */

import type { Machine } from "./machine.ts";

/** The size of a page on x86-64. */
const PAGE = 4096;

/** A page, reserved for the device by the kernel's command line. */
export interface HostPage {
  /** Physical, page aligned, inside the guest's memory. */
  readonly address: number;
  /** What it holds when the machine is switched on. */
  readonly content: Uint8Array;
}

/** Writes the page of a machine that has not run yet. */
export async function fillPage(machine: Machine): Promise<void> {
  const { hostPage } = machine.hardware;
  if (hostPage === undefined) return;
  await machine.write(hostPage.address, hostPage.content);
}

/** Changes the page of a machine that stands still. */
export async function changePage(
  machine: Machine,
  change: (page: DataView) => void,
): Promise<void> {
  const { hostPage } = machine.hardware;
  if (hostPage === undefined) throw new TypeError("No page of the host's");
  const page = Uint8Array.from(await machine.memory(hostPage.address, PAGE));
  change(new DataView(page.buffer));
  await machine.write(hostPage.address, page);
}
