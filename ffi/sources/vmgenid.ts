import { AcpiError, findVmGenId, type VmGenIdDevice } from "../acpi/mod.ts";
import type { Confirmation, ProtectionDevice } from "../protection.ts";
import {
  check,
  CONFIRMATIONS,
  cString,
  type Shim,
  ShimError,
  type ShimSymbols,
  STATUS_CONFIRMATION_SHIFT,
  STATUS_MAPPED,
  STATUS_SEALED,
} from "../shim/shim.ts";
import { ShimSource } from "./shim_source.ts";
import { readAcpiTables } from "./acpi_tables.ts";
import type { FoundSource, InheritedMemory, Look, NoSource } from "./mod.ts";
import { refusedMemory } from "./refused_memory.ts";

const NAME = "vmgenid";

/** A reason, and what would change it. */
type Obstacle = Omit<NoSource, "device">;

/**
 * The VM generation ID's page, found through the ACPI tables and mapped from `/dev/mem`, or mapped
 * through a descriptor that a privileged parent has opened.
 *
 * @throws {ProtectionError} If the descriptor that was given cannot be used
 */
export function openVmGenId(
  shim: Shim,
  look: Look,
  inherited?: InheritedMemory,
): FoundSource | NoSource {
  const { symbols } = shim;
  const status = symbols.vmfork_status();
  // Another realm of this process may have mapped it: there is one page for all.
  if (status & STATUS_MAPPED) return mapped(shim, look);
  try {
    if (status & STATUS_SEALED) throw new Sealed(look.obstacle);
    if (inherited === undefined) mapFound(shim, look);
    else mapInherited(symbols, inherited);
    return mapped(shim, look);
  } catch (error) {
    // Read again: another realm may have been faster, or may have ended discovery in between.
    const status = symbols.vmfork_status();
    if (status & STATUS_MAPPED) return mapped(shim, look);
    look.obstacle = {
      ...explain(error, (status & STATUS_SEALED) !== 0),
      device: look.device,
    };
    if (inherited !== undefined) throw refusedMemory(look.obstacle, error);
    return look.obstacle;
  }
}

function mapInherited(
  symbols: ShimSymbols,
  { descriptor, address }: InheritedMemory,
): void {
  check("vmfork_adopt_memory", symbols.vmfork_adopt_memory(descriptor));
  check("vmfork_map", symbols.vmfork_map(address, cString("")));
}

function mapFound(shim: Shim, look: Look): void {
  const device = findDevice(shim);
  if (device === undefined) throw new NoDevice();
  look.device = describe(device);
  openMemory(shim);
  check(
    "vmfork_map",
    shim.symbols.vmfork_map(device.address, cString(device.hid.toUpperCase())),
  );
}

class NoDevice extends Error {}

/** Discovery was over before this look began; `obstacle` is what an earlier look of this realm met. */
class Sealed extends Error {
  readonly obstacle: Obstacle | undefined;

  constructor(obstacle: Obstacle | undefined) {
    super();
    this.obstacle = obstacle;
  }
}

const SEALED: Obstacle = {
  reason:
    "another look in this process has ended without a page, and discovery is closed for its life",
  remedy: "a new process",
};

const NO_DEVICE: Obstacle = {
  reason: "the ACPI tables describe no VM generation ID device",
  remedy:
    "a hypervisor that has one, for example QEMU with -device vmgenid,guid=auto",
};

function mapped(shim: Shim, { device }: Look): FoundSource {
  const confirmation = shim.symbols.vmfork_status() >>
    STATUS_CONFIRMATION_SHIFT;
  return {
    source: new ShimSource(NAME, shim.cachedPages, shim),
    confirmedBy: CONFIRMATIONS[confirmation] as Confirmation,
    device,
  };
}

function describe(device: VmGenIdDevice): ProtectionDevice {
  return {
    path: device.path,
    hid: device.hid,
    address: `0x${device.address.toString(16)}`,
    notifiedBy: device.notifiedBy,
  };
}

/** Memory is opened only if the tables ask for a read, and before the page is mapped. */
function findDevice(shim: Shim): VmGenIdDevice | undefined {
  return findVmGenId(readAcpiTables(shim.symbols), (address, width) => {
    openMemory(shim);
    const bytes = new Uint8Array(8);
    check(
      "vmfork_read_physical",
      shim.symbols.vmfork_read_physical(address, width, bytes),
    );
    return new DataView(bytes.buffer).getBigUint64(0, true);
  });
}

function openMemory(shim: Shim): void {
  check("vmfork_open_memory", shim.symbols.vmfork_open_memory());
}

/** What the shim's refusals mean, by function and errno. */
const OBSTACLES: Readonly<Record<string, Obstacle>> = {
  "vmfork_read_table EACCES": {
    reason: "the ACPI tables may be read by root only",
    remedy:
      "root, or a parent that passes a descriptor of /dev/mem and the address",
  },
  "vmfork_read_table ENOENT": {
    reason: "the kernel shows no ACPI tables",
    remedy: "a machine with ACPI, and /sys mounted",
  },
  "vmfork_open_memory ENOENT": {
    reason:
      "there is no /dev/mem: the kernel was built without CONFIG_DEVMEM, or the container hides it",
    remedy: "a kernel with CONFIG_DEVMEM, or the device in the container",
  },
  "vmfork_open_memory EACCES": {
    reason: "/dev/mem may be opened by root only",
    remedy:
      "root, or a parent that passes a descriptor of /dev/mem and the address",
  },
  "vmfork_open_memory EPERM": {
    reason:
      "the kernel refuses to open /dev/mem: CAP_SYS_RAWIO is missing, or the kernel is locked down",
    remedy: "CAP_SYS_RAWIO and no kernel lockdown (Secure Boot)",
  },
  "vmfork_map EPERM": {
    reason:
      "the kernel refuses to map the page: it lies in memory that CONFIG_IO_STRICT_DEVMEM keeps for drivers, as with OVMF firmware, which puts it in ACPI NVS",
    remedy: "the kernel parameter iomem=relaxed, or SeaBIOS firmware",
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
};

/**
 * @throws What is neither a refusal of the shim nor a broken table: that is a bug
 */
function explain(error: unknown, sealed: boolean): Obstacle {
  if (error instanceof Sealed) return error.obstacle ?? SEALED;
  if (error instanceof AcpiError) {
    return {
      reason: `the ACPI tables cannot be understood: ${error.message}`,
      remedy: "a report of this machine's tables",
    };
  }
  if (error instanceof NoDevice) return NO_DEVICE;
  if (!(error instanceof ShimError)) throw error;
  if (sealed && error.errno === "EPERM") return SEALED; // by a realm that failed meanwhile
  return OBSTACLES[`${error.operation} ${error.errno}`] ?? {
    reason: error.message,
    remedy: "a look at the errno",
  };
}
