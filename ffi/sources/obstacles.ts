import { AcpiError } from "../acpi/mod.ts";
import { DeviceTreeError } from "../devicetree/mod.ts";
import { ShimError } from "../shim/shim.ts";
import type { NoSource } from "./mod.ts";

/** The machine has no such device, or the program names none. */
export class NoDevice extends Error {
  readonly obstacle: NoSource;

  constructor(obstacle: NoSource) {
    super(obstacle.reason);
    this.obstacle = { ...obstacle, absent: true };
  }
}

/** Discovery was over before this look began. */
export class Sealed extends Error {
  readonly obstacle: NoSource;

  /** @param known what an earlier look of this realm met */
  constructor(known: NoSource = SEALED) {
    super(known.reason);
    this.obstacle = known;
  }
}

const SEALED: NoSource = {
  reason:
    "another look in this process has ended without it, and discovery is closed for its life",
  remedy: "a new process",
};

/** Of each way to its page. */
const NO_CLOCK_PAGE: NoSource = {
  reason:
    "the vmclock page is none that we know: magic, size or version differ",
  remedy: "a report of this machine's hypervisor",
};

/** The shim maps pages of 4 KiB: what lies at another place of a larger one is out of its reach. */
const LARGE_PAGES =
  "a kernel with pages of 16 or 64 KiB, as some of arm64 have, maps only what is aligned to those";

const NO_CLOCK: NoSource = {
  reason: "the descriptor is no vmclock opened read-only",
  remedy: 'a descriptor from open("/dev/vmclock0", O_RDONLY)',
};

const WEDGED_CLOCK: NoSource = {
  reason: "the vmclock page says that it is being written, and does not end",
  remedy: "a report of this machine's hypervisor",
};

const DEV_MEM_FOR_ROOT =
  "root, or a parent that passes a descriptor of /dev/mem and the address";

/** What the shim's refusals mean, by function and errno. */
const OBSTACLES: Readonly<Record<string, NoSource>> = {
  "vmfork_read_table EACCES": {
    reason: "the ACPI tables or the device tree may be read by root only",
    remedy: DEV_MEM_FOR_ROOT,
    absent: true,
  },
  "vmfork_read_table ENOENT": {
    reason: "the kernel shows no ACPI tables and no device tree",
    remedy: "a machine with one of them, and /sys mounted",
    absent: true,
  },
  "vmfork_open_memory ENOENT": {
    reason:
      "there is no /dev/mem: the kernel was built without CONFIG_DEVMEM, or the container hides it",
    remedy: "a kernel with CONFIG_DEVMEM, or the device in the container",
  },
  "vmfork_open_memory EACCES": {
    reason: "/dev/mem may be opened by root only",
    remedy: DEV_MEM_FOR_ROOT,
  },
  "vmfork_open_memory EPERM": {
    reason:
      "the kernel refuses to open /dev/mem: CAP_SYS_RAWIO is missing, or the kernel is locked down",
    remedy: "CAP_SYS_RAWIO and no kernel lockdown (Secure Boot)",
  },
  "vmfork_map EPERM": {
    reason:
      "the kernel refuses to map the page: CONFIG_IO_STRICT_DEVMEM keeps it for drivers, as it keeps ACPI NVS, where OVMF firmware puts it, and what the vmgenid driver has taken as a device tree says",
    remedy:
      "the kernel parameter iomem=relaxed, or SeaBIOS firmware in place of OVMF",
  },
  "vmfork_map EINVAL": {
    reason:
      `the address cannot be mapped: ${LARGE_PAGES}; on any other it is a wrong one, of the tables or of a parent`,
    remedy: "a kernel with pages of 4 KiB, or the right address",
  },
  "vmfork_map EADDRNOTAVAIL": {
    reason: "the address lies in System RAM",
    remedy: "firmware that reserves the page",
  },
  "vmfork_map EACCES": {
    reason:
      "/proc/iomem or /proc/vmallocinfo cannot be read, so the address cannot be confirmed",
    remedy:
      "root with CAP_SYS_ADMIN, or a parent that passes a descriptor of /dev/mem and the address",
  },
  "vmfork_map ENXIO": {
    reason:
      "the kernel's vmgenid driver has mapped another page than the one in the tables",
    remedy: "a report of this machine's tables",
  },
  "vmfork_map ENODATA": {
    reason: "the id is all zeros: the hypervisor has not filled it in",
    remedy: "a hypervisor that does",
  },
  "vmfork_adopt_memory EINVAL": {
    reason: "the descriptor is not /dev/mem opened read-only",
    remedy: 'a descriptor from open("/dev/mem", O_RDONLY)',
  },
  "vmfork_adopt_memory EBADF": {
    reason: "the descriptor is not open in this process",
    remedy: "a parent that passes it on",
  },
  "vmfork_read_physical EADDRNOTAVAIL": {
    reason: "the ACPI tables want a read from System RAM",
    remedy: "firmware that reserves what its tables read",
  },
  "vmfork_read_physical EINVAL": {
    reason:
      `the ACPI tables want a read from where nothing can be mapped: ${LARGE_PAGES}`,
    remedy: "a kernel with pages of 4 KiB",
  },
  "vmfork_open_clock EACCES": {
    reason: "/dev/vmclock0 is there, and this process may not read it",
    remedy:
      'the right to read it, which a udev rule with MODE="0644" gives, or a parent that passes a descriptor',
  },
  "vmfork_open_clock EPERM": {
    reason: "/dev/vmclock0 is there, and the container does not allow it",
    remedy: "the device among those that the container allows",
  },
  "vmfork_adopt_clock EINVAL": NO_CLOCK,
  "vmfork_adopt_clock ENODEV": NO_CLOCK,
  "vmfork_adopt_clock ENODATA": NO_CLOCK,
  "vmfork_adopt_clock EBADF": {
    reason: "the descriptor is not open in this process",
    remedy: "a parent that passes it on",
  },
  "vmfork_map_clock EPERM": {
    reason:
      "the kernel refuses to map the vmclock page: CONFIG_IO_STRICT_DEVMEM keeps it for drivers",
    remedy: "a kernel with the driver (Linux 6.13), or iomem=relaxed",
  },
  "vmfork_map_clock EADDRNOTAVAIL": {
    reason: "the address of the vmclock page lies in System RAM",
    remedy: "firmware that reserves the page",
  },
  "vmfork_map_clock EACCES": {
    reason:
      "/proc/iomem cannot be read, so the address of the vmclock page cannot be confirmed",
    remedy: "root with CAP_SYS_ADMIN",
  },
  "vmfork_open_clock EAGAIN": WEDGED_CLOCK,
  "vmfork_adopt_clock EAGAIN": WEDGED_CLOCK,
  "vmfork_map_clock EAGAIN": WEDGED_CLOCK,
  "vmfork_open_clock EINVAL": NO_CLOCK_PAGE,
  "vmfork_open_clock ENODATA": NO_CLOCK_PAGE,
  "vmfork_map_clock EINVAL": {
    reason:
      `${NO_CLOCK_PAGE.reason}, or its address cannot be mapped: ${LARGE_PAGES}`,
    remedy: `${NO_CLOCK_PAGE.remedy}, or a kernel with pages of 4 KiB`,
  },
  "vmfork_map_clock ENODATA": NO_CLOCK_PAGE,
  "vmfork_watch_file ENOENT": {
    reason: "it is not there",
    remedy: "a platform that has made it before the program starts",
  },
  "vmfork_watch_file EACCES": {
    reason: "this process may not read it",
    remedy: "the right to read it",
  },
  "vmfork_watch_file EINVAL": {
    reason: "it is no file that holds a counter of that format",
    remedy: "the format that the platform writes",
  },
  "vmfork_watch_events ENOENT": {
    reason: "the kernel shows no count of the ACPI event",
    remedy: "/sys and /proc mounted",
  },
  "vmfork_watch_events ENODATA": {
    reason: "the kernel does not count the ACPI event where it should",
    remedy: "a report of this machine's kernel",
  },
  "vmfork_watch_events EACCES": {
    reason: "the count of the ACPI event may not be read",
    remedy: "/sys and /proc as the kernel shows them",
  },
};

/**
 * Why a source could not be attached.
 *
 * @param sealed whether discovery has ended since
 * @throws What is neither a refusal of the shim nor a broken table: that is a bug
 */
export function explain(error: unknown, sealed: boolean): NoSource {
  if (error instanceof NoDevice || error instanceof Sealed) {
    return error.obstacle;
  }
  if (error instanceof AcpiError) {
    return notUnderstood("the ACPI tables", error);
  }
  if (error instanceof DeviceTreeError) {
    return notUnderstood("the device tree", error);
  }
  if (!(error instanceof ShimError)) throw error;
  if (sealed && error.errno === "EPERM") return SEALED; // by a realm that failed meanwhile
  return OBSTACLES[`${error.operation} ${error.errno}`] ?? {
    reason: error.message,
    remedy: "a look at the errno",
  };
}

function notUnderstood(what: string, { message }: Error): NoSource {
  return {
    reason: `${what} cannot be understood: ${message}`,
    remedy: "a report of this machine's tables",
  };
}
