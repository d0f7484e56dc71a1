import {
  HARDWARE_DRAW,
  HARDWARE_SEED,
  type Shim,
  type ShimSymbols,
  SOURCE_EVENTS,
  SOURCE_FILE,
  SOURCE_RESUME,
  SOURCE_VMCLOCK,
  SOURCE_VMGENID,
  STATUS_CLOCK,
  STATUS_CLOCK_CONFIRMATION_SHIFT,
  STATUS_CONFIRMATION_SHIFT,
  STATUS_EVENTS,
  STATUS_FILE,
  STATUS_MAPPED,
  STATUS_QUIESCED,
  STATUS_SEALED,
} from "../shim/shim.ts";
import { SHIM_ABI } from "../shim/symbols.ts";
import {
  type Obstruction,
  SIMULATED_FILE,
  type SimulatedMachine,
} from "./simulated_machine.ts";

// Linux, <asm-generic/errno-base.h> and <asm-generic/errno.h>.
const EPERM = 1;
const ENOENT = 2;
const ENXIO = 6;
const EBADF = 9;
const EACCES = 13;
const EEXIST = 17;
const EINVAL = 22;
const EMFILE = 24;
const ENODATA = 61;
const EADDRNOTAVAIL = 99;
const ECANCELED = 125;

// vmfork.c, enum confirmation.
const CONFIRMED_BY_DRIVER = 1;
const CONFIRMED_BY_PARENT = 3;
/** What the simulated tables' event method is called in the shim. */
const EVENT = "gpe05";
const KERNEL = 32;
/** Of so many growths the shim knows the reason. */
const REMEMBERED = 6;
const MAX_WAITS = 32;

const OPEN_ERRNO: Partial<Record<Obstruction, number>> = {
  "no-dev-mem": ENOENT,
  "dev-mem-denied": EPERM,
};
const MAP_ERRNO: Partial<Record<Obstruction, number>> = {
  "page-denied": EPERM,
  "system-ram": EADDRNOTAVAIL,
  "other-page": ENXIO,
  "zero-id": ENODATA,
};

/** The shim's behaviour in TypeScript, on a simulated machine. */
export function simulatedShim(machine: SimulatedMachine): Shim {
  return {
    symbols: new SimulatedSymbols(machine).bound(),
    origin: "simulated",
    cachedPages: true,
    closed: false,
    close() {},
  };
}

/** Everything that `vmfork_look()` looks at. */
const ALL = SOURCE_VMGENID | SOURCE_VMCLOCK | SOURCE_FILE | SOURCE_EVENTS;

function isText(bytes: Uint8Array, text: string): boolean {
  return new TextDecoder().decode(bytes) === `${text}\0`;
}

class SimulatedSymbols {
  readonly #machine: SimulatedMachine;
  readonly #waits = new Map<number, (result: number) => void>();
  #nextWait = 0;
  /** What is looked at, by `SOURCE_*` bit, and what it showed last. */
  readonly #last = new Map<number, string>();
  #count = 1;
  #sealed = false;
  #opened = false;
  #clock = 0;
  /** What each growth of the count was for, from 2 on. */
  readonly #reasons: number[] = [];
  readonly #realms: ({ wiped: boolean; holds: boolean } | undefined)[] = [];
  /** The number of the last quiesce. */
  #quiesces = 0;

  constructor(machine: SimulatedMachine) {
    this.#machine = machine;
  }

  bound(): ShimSymbols {
    return {
      vmfork_abi: () => SHIM_ABI,
      vmfork_generation: () => this.#generation(),
      vmfork_unique_id: (id) => this.#uniqueId(id),
      vmfork_seed: (seed) => this.#seed(seed),
      vmfork_nonce: (nonce) => {
        this.#machine.step();
        this.#machine.hardwareRandom(nonce);
        return this.#machine.hardware ? nonce.length : 0;
      },
      vmfork_hedged_nonce: (nonce) => {
        this.#machine.step();
        this.#xored(nonce);
        return nonce.length;
      },
      vmfork_hardware: () =>
        this.#machine.hardware ? HARDWARE_DRAW | HARDWARE_SEED : 0,
      vmfork_status: () => this.#status(),
      vmfork_read_table: (name, into) => this.#readTable(name, into),
      vmfork_open_memory: () => this.#open(),
      vmfork_adopt_memory: () => this.#open(),
      vmfork_read_physical: () => -EADDRNOTAVAIL,
      vmfork_map: () => this.#map(),
      vmfork_look: () => {
        this.#machine.step();
        return this.#look(ALL);
      },
      vmfork_changed_by: (before, after) =>
        joined(
          before >= this.#count - REMEMBERED
            ? this.#reasons.slice(before - 1, after - 1)
            : [...this.#last.keys(), SOURCE_RESUME],
        ),
      vmfork_open_clock: () => this.#attachClock(CONFIRMED_BY_DRIVER, ENOENT),
      vmfork_adopt_clock: () => this.#attachClock(CONFIRMED_BY_PARENT, EINVAL),
      vmfork_map_clock: () => -EPERM,
      vmfork_watch_file: (path) => this.#watchFile(path),
      vmfork_watch_events: (name) =>
        this.#attach(
          SOURCE_EVENTS,
          this.#machine.has("acpi-events") && isText(name, EVENT),
        ),
      vmfork_join: () => this.#realms.push({ wiped: true, holds: false }) - 1,
      vmfork_leave: (realm) => this.#leave(realm),
      vmfork_quiesce: (realm) => this.#quiesce(realm),
      vmfork_resume: (realm) => this.#resume(realm),
      vmfork_wiped: (realm) => {
        this.#realms[realm]!.wiped = true;
        return 0;
      },
      vmfork_unwiped: () =>
        this.#quiesced
          ? this.#realms.filter((realm) => realm !== undefined && !realm.wiped)
            .length
          : 0,
      vmfork_quiesced: () => this.#quiesced ? this.#quiesces : 0,
      vmfork_heal_kernel: () => -EPERM,
      vmfork_seal: () => {
        this.#sealed = true;
        return 0;
      },
      vmfork_wait_open: () =>
        this.#waits.size < MAX_WAITS ? this.#nextWait++ : -EMFILE,
      vmfork_wait: (handle, known, interval, timeout) =>
        this.#wait(handle, known, interval, timeout),
      vmfork_guard: async (handle, known, interval, timeout) => {
        const waited = await this.#wait(handle, known, interval, timeout);
        return waited === 1 && !this.#quiesced ? -EPERM : Math.min(waited, 0);
      },
      vmfork_wake: (handle) => this.#wake(handle),
      vmfork_close: () => {
        for (const handle of [...this.#waits.keys()]) this.#wake(handle);
        return 0;
      },
    };
  }

  #status(): number {
    return (this.#sealed ? STATUS_SEALED : 0) |
      (this.#mapped
        ? STATUS_MAPPED | CONFIRMED_BY_DRIVER << STATUS_CONFIRMATION_SHIFT
        : 0) |
      (this.#last.has(SOURCE_VMCLOCK)
        ? STATUS_CLOCK | this.#clock << STATUS_CLOCK_CONFIRMATION_SHIFT
        : 0) |
      (this.#last.has(SOURCE_FILE) ? STATUS_FILE : 0) |
      (this.#last.has(SOURCE_EVENTS) ? STATUS_EVENTS : 0) |
      (this.#quiesced ? STATUS_QUIESCED : 0);
  }

  get #mapped(): boolean {
    return this.#last.has(SOURCE_VMGENID);
  }

  #generation(): number {
    this.#machine.step();
    return this.#look(ALL & ~SOURCE_EVENTS);
  }

  /** If several sources have changed the count grows once. */
  #look(sources: number): number {
    if (this.#quiesced) return 0;
    let changed = 0;
    for (const [source, last] of this.#last) {
      const now = this.#show(source);
      if ((sources & source) === 0 || now === last) continue;
      this.#last.set(source, now);
      changed |= source;
    }
    if (changed !== 0) this.#grow(changed);
    return this.#count;
  }

  #grow(reason: number): void {
    this.#reasons.push(reason);
    this.#count++;
  }

  /** What a source shows at this moment. */
  #show(source: number): string {
    switch (source) {
      case SOURCE_VMGENID:
        return this.#machine.uniqueId().join();
      case SOURCE_VMCLOCK:
        return String(this.#machine.disruptionMarker);
      case SOURCE_FILE:
        return String(this.#machine.fileCounter);
      default:
        return String(this.#machine.events);
    }
  }

  #attachClock(confirmation: number, errno: number): number {
    const there = this.#machine.has("vmclock");
    const result = this.#attach(SOURCE_VMCLOCK, there, errno);
    if (result < 0) return result;
    this.#clock = confirmation;
    return confirmation;
  }

  #watchFile(path: Uint8Array): number {
    const there = this.#machine.has("generation-file") &&
      isText(path, SIMULATED_FILE);
    if (this.#last.has(SOURCE_FILE)) return there ? 0 : -EEXIST;
    return this.#attach(SOURCE_FILE, there);
  }

  #attach(source: number, there: boolean, errno = ENOENT): number {
    if (this.#sealed) return -EPERM;
    if (this.#last.has(source)) return -EEXIST;
    if (!there) return -errno;
    this.#last.set(source, this.#show(source));
    this.#grow(source);
    return 0;
  }

  get #quiesced(): boolean {
    return this.#realms.some((realm) => realm?.holds);
  }

  #leave(realm: number): number {
    this.#resume(realm);
    this.#realms[realm] = undefined;
    return 0;
  }

  #quiesce(realm: number): number {
    if (!this.#quiesced) {
      this.#quiesces++;
      for (const each of this.#realms) if (each) each.wiped = false;
    }
    this.#realms[realm]!.holds = true;
    return 0;
  }

  #resume(realm: number): number {
    const held = this.#quiesced;
    this.#realms[realm]!.holds = false;
    if (held && !this.#quiesced) this.#grow(SOURCE_RESUME);
    return 0;
  }

  #uniqueId(id: Uint8Array): number {
    this.#machine.step();
    if (!this.#mapped) return 0;
    id.set(this.#machine.uniqueId());
    return id.length;
  }

  #seed(seed: Uint8Array): number {
    this.#machine.step();
    seed.fill(0);
    this.#machine.getrandom(seed.subarray(0, KERNEL));
    this.#machine.hardwareRandom(seed.subarray(KERNEL, 2 * KERNEL));
    // The cycle counter stays 0: clones may well resume at the same count.
    this.#xored(seed.subarray(2 * KERNEL + 8));
    return seed.length;
  }

  #xored(into: Uint8Array): void {
    const hardware = new Uint8Array(into.length);
    this.#machine.getrandom(into);
    this.#machine.hardwareRandom(hardware);
    for (let i = 0; i < into.length; i++) into[i] = into[i]! ^ hardware[i]!;
  }

  #readTable(name: Uint8Array, into: Uint8Array): number {
    if (this.#sealed) return -EPERM;
    if (this.#machine.obstruction === "not-root") return -EACCES;
    if (new TextDecoder().decode(name) !== "DSDT\0") return -ENOENT;
    const table = this.#machine.dsdt();
    // Without the device: the header alone.
    const length = this.#machine.obstruction === "no-device" ||
        !this.#machine.has("vmgenid")
      ? 36
      : table.length;
    if (length === 36) new DataView(table.buffer).setUint32(4, length, true);
    into.set(table.subarray(0, length));
    return length;
  }

  #open(): number {
    if (this.#sealed) return -EPERM;
    const errno = OPEN_ERRNO[this.#machine.obstruction!];
    this.#opened = errno === undefined;
    return -(errno ?? 0);
  }

  #map(): number {
    if (this.#sealed) return -EPERM;
    if (!this.#opened) return -EBADF;
    const errno = MAP_ERRNO[this.#machine.obstruction!];
    if (errno !== undefined) return -errno;
    this.#sealed = true;
    this.#last.set(SOURCE_VMGENID, this.#show(SOURCE_VMGENID));
    this.#grow(SOURCE_VMGENID);
    return CONFIRMED_BY_DRIVER;
  }

  #wait(
    handle: number,
    known: number,
    interval: number,
    timeout: number,
  ): Promise<number> {
    return new Promise((resolve) => {
      const started = performance.now();
      const done = (result: number): void => {
        clearInterval(timer);
        this.#waits.delete(handle);
        resolve(result);
      };
      const timer = setInterval(() => {
        if (this.#look(ALL) !== known) done(1);
        else if (timeout >= 0 && performance.now() - started > timeout) done(0);
      }, interval);
      this.#waits.set(handle, done);
    });
  }

  #wake(handle: number): number {
    const done = this.#waits.get(handle);
    if (done === undefined) return -EBADF;
    done(-ECANCELED);
    return 0;
  }
}

function joined(bits: readonly number[]): number {
  return bits.reduce((all, bit) => all | bit, 0);
}
