/**
 * The unique id of a machine for which QEMU has no such device: the lab does what a hypervisor does that
 * describes it by a device tree. The node is Firecracker's (`src/vmm/src/arch/aarch64/fdt.rs`), the order of
 * a restore too: first the id, then the interrupt, then the processors run.
 */

import { run } from "./command.ts";
import { MachineError } from "./errors.ts";
import { guidBytes } from "./guid.ts";
import type { Machine } from "./machine.ts";

/** Where the id is. */
export interface IdPage {
  /** The address of its 16 bytes. */
  readonly address: number;
  /** Whether the tree reserves the page; if not, nothing may say that it is memory. @default {false} */
  readonly reserved?: boolean;
}

/** A shared peripheral interrupt that no device of QEMU's `virt` has. */
const INTERRUPT = 100;
const LENGTH = 16;
const PAGE = 4096;

/** What is added to a machine's own tree. */
export function nodes({ address, reserved = false }: IdPage): string {
  const page = address - address % PAGE;
  return `
/ {
  ${reserved ? reservation(page) : ""}
  vmgenid {
    compatible = "microsoft,vmgenid";
    reg = <${cells(address)} ${cells(LENGTH)}>;
    interrupts = <0 ${INTERRUPT} 1>; // SPI, rising edge
  };
};
`;
}

function reservation(page: number): string {
  return `reserved-memory {
    #address-cells = <2>;
    #size-cells = <2>;
    ranges;
    page@${page.toString(16)} {
      reg = <${cells(page)} ${cells(PAGE)}>;
      no-map;
    };
  };`;
}

/** 64 bits as a tree has them. */
function cells(value: number): string {
  return `${Math.floor(value / 2 ** 32)} ${value % 2 ** 32}`;
}

/**
 * Writes the tree of a machine: its own, and the id's node.
 *
 * @param command the machine's own command line
 * @param compiler runs `dtc`
 * @param file the tree to write
 */
export async function writeDeviceTree(
  command: readonly string[],
  compiler: readonly string[],
  page: IdPage,
  file: string,
): Promise<void> {
  await run([...command, "-machine", `dumpdtb=${file}`]);
  const own = await run([...compiler, "-q", "-I", "dtb", "-O", "dts", file]);
  const input = new TextEncoder().encode(own + nodes(page));
  const compile = [...compiler, "-q", "-I", "dts", "-O", "dtb", "-o", file];
  await run([...compile, "-"], { input });
}

/** Gives a clone that has not run yet an id of its own, and raises the interrupt. */
export async function giveNewId(machine: Machine): Promise<void> {
  if (!await writeId(machine)) return;
  const controller = await interruptController(machine);
  for (const level of [1, 0]) { // an edge
    const input = `${controller} unnamed-gpio-in ${INTERRUPT} ${level}`;
    await machine.qtest(`set_irq_in ${input}`);
  }
}

/** Writes the id of a machine that stands still, and says whether there was one to write and a place for it. */
export async function writeId(machine: Machine): Promise<boolean> {
  const { idPage, vmgenid } = machine.hardware;
  if (idPage === undefined || vmgenid === undefined) return false;
  await machine.write(idPage.address, guidBytes(vmgenid));
  return true;
}

/** QEMU's name of it. Its first inputs are the shared peripheral interrupts. */
async function interruptController(machine: Machine): Promise<string> {
  const path = "/machine/unattached";
  const parts = await machine.execute("qom-list", { path });
  const found = (parts as { name: string; type: string }[])
    .find(({ type }) => type === "child<arm_gic>");
  if (found !== undefined) return `${path}/${found.name}`;
  throw new MachineError("QEMU shows no interrupt controller");
}
