import { SHIM_ABI } from "./symbols.ts";

/** The functions of the shim, under their C names; see `symbols.ts` for the prototypes. */
export interface ShimSymbols {
  /** The ABI version. */
  vmfork_abi(): number;
  /** The count; 0 = it cannot answer, or the process is quiesced. */
  vmfork_generation(): number;
  /** The same, after a look at the ACPI events as well. */
  vmfork_look(): number;
  /** `SOURCE_*` bits: what made the count grow from one to the other, or may have if that is too long ago. */
  vmfork_changed_by(before: number, after: number): number;
  /** Writes the unique id: 16, 0 = there is none, or a negated errno. */
  vmfork_unique_id(id: Uint8Array<ArrayBuffer>): number;
  /** Writes the fresh input of a reseed, 104 bytes. */
  vmfork_seed(seed: Uint8Array<ArrayBuffer>): number;
  /** Writes 12 bytes of hardware randomness, or zeros without it. */
  vmfork_nonce(nonce: Uint8Array<ArrayBuffer>): number;
  /** Writes getrandom(12) XOR hardware(12). */
  vmfork_hedged_nonce(nonce: Uint8Array<ArrayBuffer>): number;
  /** {@linkcode HARDWARE_DRAW} and {@linkcode HARDWARE_SEED} bits. */
  vmfork_hardware(): number;
  /** `STATUS_*` bits and the confirmation. */
  vmfork_status(): number;
  /** Reads an ACPI table; its length. */
  vmfork_read_table(
    name: Uint8Array<ArrayBuffer>,
    into: Uint8Array<ArrayBuffer>,
    capacity: number,
  ): number;
  /** Opens `/dev/mem` read-only. */
  vmfork_open_memory(): number;
  /** Takes over an inherited descriptor of `/dev/mem`. */
  vmfork_adopt_memory(descriptor: number): number;
  /** Reads 1, 2, 4 or 8 bytes of physical memory that is not RAM. */
  vmfork_read_physical(
    address: bigint,
    width: number,
    into: Uint8Array<ArrayBuffer>,
  ): number;
  /** Confirms and maps the generation page; the confirmation. */
  vmfork_map(address: bigint, hid: Uint8Array<ArrayBuffer>): number;
  /** Maps `/dev/vmclock<index>`; the confirmation. */
  vmfork_open_clock(index: number): number;
  /** Maps an inherited vmclock device; the confirmation. */
  vmfork_adopt_clock(descriptor: number): number;
  /** Maps the vmclock page from `/dev/mem`, before {@linkcode ShimSymbols.vmfork_map}; the confirmation. */
  vmfork_map_clock(address: bigint): number;
  /** Opens a generation file: 4 or 8 bytes, or 0 for decimal text; 0 also for the one that is watched, -EEXIST for another. */
  vmfork_watch_file(path: Uint8Array<ArrayBuffer>, width: number): number;
  /** Opens the count of an ACPI event: `gpe05`, or `ged`. */
  vmfork_watch_events(name: Uint8Array<ArrayBuffer>): number;
  /** Ends discovery for the life of the process. */
  vmfork_seal(): number;
  /** Begins a wait; its handle. */
  vmfork_wait_open(): number;
  /** Waits until the count differs from `known`: 1, 0 after the timeout, -ECANCELED when woken, -EAGAIN without a thread to wait in. */
  vmfork_wait(
    handle: number,
    known: number,
    intervalMs: number,
    timeoutMs: number,
  ): Promise<number>;
  /** Wakes one wait. */
  vmfork_wake(handle: number): number;
  /** Wakes all waits. */
  vmfork_close(): number;
  /** Registers the calling thread as a realm; its handle. */
  vmfork_join(): number;
  /** Ends the registration. */
  vmfork_leave(realm: number): number;
  /** This realm holds the process quiesced: the count reads 0. */
  vmfork_quiesce(realm: number): number;
  /** This realm lets go; after the last one the count has grown by 1 and is read again. */
  vmfork_resume(realm: number): number;
  /** This realm has wiped its secrets for the quiesce that is on. */
  vmfork_wiped(realm: number): number;
  /** How many living realms have not, and 1 if the process has another copy of the shim; 0 when not quiesced. */
  vmfork_unwiped(): number;
  /** The number of the quiesce that is on: another one in each; 0 = none. */
  vmfork_quiesced(): number;
  /** Writes the id and hardware randomness to `/dev/urandom` and has the kernel reseed; root only. */
  vmfork_heal_kernel(): number;
  /** Waits as {@linkcode ShimSymbols.vmfork_wait} does, and heals the kernel as soon as the count grows: the count then, or 0. */
  vmfork_guard(
    handle: number,
    known: number,
    intervalMs: number,
    timeoutMs: number,
  ): Promise<number>;
}

// vmfork.c: enum hardware.
/** RDRAND (x86-64) or RNDR (arm64) is there and passed its test. */
export const HARDWARE_DRAW = 1;
/** RDSEED (x86-64) or RNDRRS (arm64) is there and passed its test. */
export const HARDWARE_SEED = 2;

// vmfork.c: enum status.
/** Discovery is over for this process. */
export const STATUS_SEALED = 1;
/** A generation page is mapped. */
export const STATUS_MAPPED = 2;
/** It was mapped through a descriptor that the process inherited. */
export const STATUS_INHERITED = 4;
/** A vmclock page is mapped. */
export const STATUS_CLOCK = 8;
/** The kernel passes the vmclock's notifications on to poll(2). */
export const STATUS_CLOCK_NOTIFIES = 16;
/** A generation file is watched. */
export const STATUS_FILE = 32;
/** The count of an ACPI event is watched. */
export const STATUS_EVENTS = 64;
/** Quiesced: the count reads 0 until the last realm that asked for it resumes. */
export const STATUS_QUIESCED = 128;
/** Where the confirmation of the vmgenid page stands in the status, 4 bits. */
export const STATUS_CONFIRMATION_SHIFT = 8;
/** Where the confirmation of the vmclock page stands in the status, 4 bits. */
export const STATUS_CLOCK_CONFIRMATION_SHIFT = 12;

// vmfork.c: enum source.
/** The vmgenid page. */
export const SOURCE_VMGENID = 1;
/** The vmclock page. */
export const SOURCE_VMCLOCK = 2;
/** The generation file. */
export const SOURCE_FILE = 4;
/** The count of the ACPI event that notifies a device. */
export const SOURCE_EVENTS = 8;
/** The end of a quiesce. */
export const SOURCE_RESUME = 16;

/** How the address of the generation page was confirmed; index = vmfork.c's enum confirmation. */
export const CONFIRMATIONS = [undefined, "driver", "iomem", "parent"] as const;

/** The errno values that the shim's calls return, by number (Linux, the same on x86-64 and arm64). */
const ERRNO_NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  27: "EFBIG",
  36: "ENAMETOOLONG",
  38: "ENOSYS",
  40: "ELOOP",
  61: "ENODATA",
  99: "EADDRNOTAVAIL",
  122: "EDQUOT",
  125: "ECANCELED",
};

/**
 * A call of the C shim failed, or the shim could not be loaded.
 *
 * @example
 * ```ts
 * import { ShimError } from "@vmfork/crng/ffi";
 *
 * const error = new ShimError("vmfork_open_memory", 2);
 * if (error.errno !== "ENOENT") throw new Error("unreachable");
 * ```
 */
export class ShimError extends Error {
  /** `"ShimError"`. */
  override readonly name = "ShimError";
  /** Always `"shim-failed"`. */
  readonly code = "shim-failed";
  /** What was tried: a function of the shim, or `"load"`. */
  readonly operation: string;
  /** The name of the errno, for example `"ENOENT"`; undefined where there was none. */
  readonly errno: string | undefined;

  /**
   * Makes the error for a result of the shim.
   *
   * @param operation what was tried
   * @param errno the errno as a positive number, or a message where there was none
   * @param options `cause`: the error behind this one
   */
  constructor(
    operation: string,
    errno: number | string,
    options?: ErrorOptions,
  ) {
    const name = typeof errno === "number"
      ? ERRNO_NAMES[errno] ?? `errno ${errno}`
      : undefined;
    super(`Cannot complete "${operation}": ${name ?? errno}`, options);
    this.operation = operation;
    this.errno = name;
  }
}

/**
 * Passes on a result of the shim that is not negative.
 *
 * @throws {ShimError} If it is a negated errno
 */
export function check(operation: keyof ShimSymbols, result: number): number {
  if (result < 0) throw new ShimError(operation, -result);
  return result;
}

/**
 * The shim writes as many bytes as its prototype says, whatever the view holds.
 *
 * @throws {RangeError} If the view has another length
 */
export function requireLength(view: Uint8Array, length: number): void {
  if (view.length === length) return;
  throw new RangeError(
    `Cannot fetch bytes as the view must have ${length} bytes: current length is ${view.length}`,
  );
}

/** A C string for the shim. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** The shim in this realm: its functions, and how it was loaded. */
export interface Shim {
  /** The functions. */
  readonly symbols: ShimSymbols;
  /** Where it was loaded from: a path, or `"memfd"` for the copy that is embedded in the package. */
  readonly origin: string;
  /** Whether this machine's CPU maps the generation page as ordinary cached memory. */
  readonly cachedPages: boolean;
  /** Whether it was given back. */
  readonly closed: boolean;
  /** Wakes all waits and gives the library back. */
  close(): void;
}

/**
 * @throws {ShimError} If the library speaks another ABI
 */
export function requireAbi(symbols: ShimSymbols): void {
  const abi = symbols.vmfork_abi();
  if (abi === SHIM_ABI) return;
  throw new ShimError(
    "load",
    `it has ABI ${abi} and this version of the package needs ${SHIM_ABI}`,
  );
}
