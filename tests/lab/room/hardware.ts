/** What a machine is made of, as QEMU's command line. */

import { DEBIAN_APPEND } from "./debian.ts";
import type { IdPage } from "./id_page.ts";
import type { HostPage } from "./host_page.ts";
import type { Kernel } from "./kernels.ts";
import type { Architecture } from "./packages.ts";
import type { Platform } from "./platform.ts";

/** The machine around a guest. A clone may differ in `vmgenid` only. */
export interface Hardware {
  /** Architecture. @default {"amd64"} */
  readonly architecture?: Architecture;
  /** Chipset. @default {"pc", on arm64 "virt"} */
  readonly chipset?: "pc" | "q35";
  /** Firmware. @default {"seabios"} */
  readonly firmware?: "seabios" | "ovmf";
  /** Accelerator. @default {"tcg"} */
  readonly accelerator?: "tcg" | "kvm";
  /** Processor, for example `max,-rdrand,-rdseed`. @default {"max"} */
  readonly processor?: string;
  /** How many processors. @default {1} */
  readonly processors?: number;
  /** Memory in MiB. @default {192} */
  readonly memory?: number;
  /** The unique id, a GUID or `auto`; none without the device. */
  readonly vmgenid?: string;
  /** Where the lab keeps the unique id, on arm64, for which QEMU has no such device. */
  readonly idPage?: IdPage;
  /** Whether there is a vmclock device. @default {false} */
  readonly vmclock?: boolean;
  /** Whether there is a channel to QEMU's guest agent. @default {false} */
  readonly agent?: boolean;
  /** A page of memory that the host may change while the machine stands still. */
  readonly hostPage?: HostPage;
  /** More for the kernel's command line. */
  readonly append?: string;
}

/** The files of one machine. */
export interface MachineFiles {
  /** The kernel's console, where guest programs print too. */
  readonly console: string;
  /** What the guest sends. */
  readonly out: string;
  /** Socket of the line that the guest reads. */
  readonly input: string;
  /** Socket of the machine protocol. */
  readonly qmp: string;
  /** The guest's initramfs. */
  readonly initrd: string;
  /** The disk with the runtimes. */
  readonly runtimes: string;
  /** The disk with a system to start instead of the initramfs's own. */
  readonly system?: string;
  /** Socket of the guest agent. */
  readonly agent: string;
  /** Socket of QEMU's test protocol. */
  readonly qtest: string;
  /** Where {@linkcode Machine.save} puts a machine. */
  readonly state: string;
  /** What that file is to begin with. */
  readonly stateTemplate: string;
}

// Notices reach the console ("crng reseeded ..."), chatter does not.
const APPEND = "loglevel=6 printk.time=1 panic=-1 " +
  "mitigations=off random.trust_cpu=on";

const READ_ONLY = "format=raw,readonly=on";

/** The whole command line but for `-incoming`. */
export function qemuCommand(
  platform: Platform,
  kernel: Kernel,
  hardware: Hardware,
  files: MachineFiles,
): string[] {
  const {
    chipset = platform.chipset,
    firmware = "seabios",
    accelerator = "tcg",
    processor = "max",
    processors = 1,
    vmgenid,
    idPage,
    vmclock = false,
    agent = false,
    hostPage,
    append = "",
  } = hardware;
  const memory = memoryOf(hardware);
  return [
    ...platform.emulator,
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-accel", accelerator, "-M", chipset, "-cpu", processor],
    ...["-m", `${memory}`, "-smp", `${processors}`],
    ...["-kernel", kernel.image, "-initrd", files.initrd],
    ...[
      "-append",
      [
        `console=${platform.console}`,
        APPEND,
        ...(files.system === undefined ? [] : [DEBIAN_APPEND]),
        ...(hostPage === undefined ? [] : [reserve(hostPage)]),
        append,
      ].join(" ").trim(),
    ],
    ...["-qmp", `unix:${files.qmp},server=on,wait=off`],
    ...["-serial", `file:${files.console}`],
    ...["-serial", `unix:${files.input},server=on,wait=off`],
    ...["-chardev", `file,id=out,path=${files.out}`],
    ...["-device", "virtio-serial"],
    ...["-device", "virtserialport,chardev=out,name=lab.out"],
    ...["-drive", `if=none,id=runtimes,${READ_ONLY},file=${files.runtimes}`],
    ...["-device", "virtio-blk,drive=runtimes"],
    ...(files.system === undefined ? [] : [
      ...["-drive", `if=none,id=system,${READ_ONLY},file=${files.system}`],
      ...["-device", "virtio-blk,drive=system"],
    ]),
    ...(agent
      ? [
        ...[
          "-chardev",
          `socket,id=agent,path=${files.agent},server=on,wait=off`,
        ],
        ...[
          "-device",
          "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        ],
      ]
      : []),
    ...(firmware === "ovmf" ? ovmf(platform.share) : []),
    ...(vmgenid === undefined || idPage !== undefined
      ? []
      : ["-device", `vmgenid,guid=${vmgenid}`]),
    ...(waitsForLab(hardware)
      ? [
        ...["-S", "-qtest", `unix:${files.qtest},server=on,wait=off`],
        ...["-qtest-log", "none"],
      ]
      : []),
    ...(vmclock ? ["-device", "vmclock"] : []),
  ];
}

/** A machine's memory in MiB. */
export function memoryOf({ memory = 192 }: Hardware): number {
  return memory;
}

/** Whether the lab writes to its memory before it runs. */
export function waitsForLab({ idPage, hostPage }: Hardware): boolean {
  return idPage !== undefined || hostPage !== undefined;
}

// Linux, Documentation/admin-guide/kernel-parameters.txt: memmap=nn[KMG]$ss.
function reserve({ address }: HostPage): string {
  return `memmap=4K$0x${address.toString(16)}`;
}

// In two read-only parts. Guests do not outlive the lab, so that nothing needs
// to be kept; the variables are a copy that dies with QEMU.
function ovmf(share: string): string[] {
  const code = `${share}/OVMF/OVMF_CODE_4M.fd`;
  const variables = `${share}/OVMF/OVMF_VARS_4M.fd`;
  return [
    ...["-drive", `if=pflash,unit=0,${READ_ONLY},file=${code}`],
    ...["-drive", `if=pflash,unit=1,format=raw,snapshot=on,file=${variables}`],
  ];
}
