/** Tables of every known hypervisor's form, built from its description. */

import type { VmGenIdDevice } from "../../../ffi/acpi/mod.ts";
import {
  add,
  type Aml,
  and,
  ANY_ACCESS,
  arg,
  bits,
  byte,
  BYTE_ACCESS,
  device,
  dword,
  DWORD_ACCESS,
  eisaId,
  field,
  index,
  int,
  lequal,
  lgreater,
  local,
  method,
  name,
  nothing,
  notify,
  one,
  otherwise,
  packageOf,
  path,
  processor,
  region,
  reserved,
  returns,
  scope,
  store,
  string,
  SYSTEM_IO,
  SYSTEM_MEMORY,
  table,
  when,
  word,
  zero,
} from "./aml_builder.ts";

/** A machine's tables, its memory, and what there is to find. */
export interface Form {
  readonly title: string;
  readonly tables: readonly Aml[];
  /** Physical memory: bytes at the addresses that hold any. */
  readonly memory: ReadonlyMap<bigint, number>;
  readonly expected: VmGenIdDevice;
  /** Widths of the reads in `expected.regionReads`, in bytes. */
  readonly widths: readonly number[];
}

const VM_GEN_COUNTER = "VM_Gen_Counter";
const cid = name("_CID", string(VM_GEN_COUNTER));
const ddn = name("_DDN", string(VM_GEN_COUNTER));

/** Memory that holds 32-bit words at addresses, aligned or not. */
export function words(
  ...entries: readonly (readonly [bigint, bigint])[]
): Map<bigint, number> {
  const memory = new Map<bigint, number>();
  for (const [address, value] of entries) {
    for (let i = 0n; i < 4n; i++) {
      memory.set(address + i, Number(value >> 8n * i & 0xffn));
    }
  }
  return memory;
}

/** One physical read, as the callback saw it. */
export interface Read {
  readonly address: bigint;
  readonly width: number;
}

/** A `readPhysical` over simulated memory, and the reads made with it. */
export function machine(memory: ReadonlyMap<bigint, number>): {
  readonly reads: Read[];
  readonly readPhysical: (address: bigint, width: number) => bigint;
} {
  const reads: Read[] = [];
  const readPhysical = (address: bigint, width: number): bigint => {
    reads.push({ address, width });
    let value = 0n;
    for (let i = 0n; i < BigInt(width); i++) {
      value |= BigInt(memory.get(address + i) ?? 0) << 8n * i;
    }
    return value;
  };
  return { reads, readPhysical };
}

/** QEMU, SSDT: ADDR adds 0x28 to a named dword, in Local0. */
export function qemuTable(page: number): Aml {
  return table(
    {
      signature: "SSDT",
      revision: 1,
      oemId: "BOCHS ",
      oemTableId: "VMGENID",
      creator: "BXPC",
    },
    name("VGIA", dword(page)),
    scope(
      "\\_SB",
      device(
        "VGEN",
        name("_HID", string("QEMUVGID")),
        cid,
        ddn,
        method(
          "_STA",
          0,
          store(byte(0x0f), local(0)),
          when(lequal(path("VGIA"), zero), store(zero, local(0))),
          returns(local(0)),
        ),
        method(
          "ADDR",
          0,
          store(packageOf(2), local(0)),
          store(add(path("VGIA"), byte(0x28), nothing), index(local(0), zero)),
          store(zero, index(local(0), one)),
          returns(local(0)),
        ),
      ),
    ),
    method("\\_GPE._E05", 0, notify(path("\\_SB.VGEN"), byte(0x80))),
  );
}

function qemu(title: string, page: number): Form {
  return {
    title,
    tables: [qemuTable(page)],
    memory: new Map(),
    expected: {
      path: "\\_SB.VGEN",
      hid: "QEMUVGID",
      cid: VM_GEN_COUNTER,
      address: BigInt(page + 0x28),
      form: "method",
      notifiedBy: "\\_GPE._E05",
      table: "SSDT",
      oemId: "BOCHS",
      oemTableId: "VMGENID",
      regionReads: [],
    },
    widths: [],
  };
}

/** Hyper-V: 123 KB of other things around; module-level If, fields, GPE. */
function hyperV(title: string, hid: string, id: Aml, notifier: Aml): Form {
  const fields = ["MG2B", "MG2L", "HMIB", "HMIL", "GCAL", "GCAH", "PCNT"];
  const isGpe = notifier === HYPERV_GPE;
  return {
    title,
    tables: [table(
      { oemId: "MSFTVM", oemTableId: "DSDT01" },
      region("BIOS", SYSTEM_MEMORY, dword(0xf7fd9000), byte(0xff)),
      field("BIOS", BYTE_ACCESS, ...fields.map((f) => bits(f, 32))),
      name("HCFG", one),
      when(
        lgreater(path("HCFG"), zero),
        name("\\_S4", packageOf(2, byte(4), byte(4))),
      ),
      scope("\\_SB", processor("P001"), processor("P002")),
      when(
        lgreater(path("HCFG"), zero),
        device("\\_SB.TPM2", name("_HID", string("MSFT0101"))),
      ),
      device(
        "\\_SB.GENC",
        name("_CID", id),
        name("_HID", string(hid)),
        name("_UID", zero),
        ddn,
        method(
          "ADDR",
          0,
          name("LPKG", packageOf(2, zero, zero)),
          store(path("GCAL"), index(path("LPKG"), zero)),
          store(path("GCAH"), index(path("LPKG"), one)),
          returns(path("LPKG")),
        ),
      ),
      notifier,
    )],
    memory: words([0xf7fd9010n, 0xf7fd8ff8n], [0xf7fd9014n, 1n]),
    expected: {
      path: "\\_SB.GENC",
      hid,
      cid: VM_GEN_COUNTER,
      address: 0x1_f7fd8ff8n,
      form: "method",
      notifiedBy: isGpe ? "\\_GPE._E00" : "\\_SB.GED1._EVT",
      table: "DSDT",
      oemId: "MSFTVM",
      oemTableId: "DSDT01",
      regionReads: [0xf7fd9010n, 0xf7fd9014n],
    },
    widths: [4, 4],
  };
}

const HYPERV_GPE = scope(
  "\\_GPE",
  method("_E00", 0, notify(path("\\_SB.GENC"), byte(0x80))),
);
const HYPERV_GED = device(
  "\\_SB.GED1",
  name("_HID", string("ACPI0013")),
  method("_EVT", 9, notify(path("\\_SB.GENC"), byte(0x80))),
);

/** VMware: a region whose base is a field; an enable bit; 32-bit integers. */
function vmware(
  title: string,
  base: number,
  oneBit: Aml,
  reads: readonly Read[],
): Form {
  return {
    title,
    tables: [table(
      { revision: 1, oemId: "PTLTD ", oemTableId: "Custom  " },
      scope(
        "\\_SB",
        region("OEMD", SYSTEM_MEMORY, dword(base), byte(0x88)),
        field(
          "OEMD",
          ANY_ACCESS,
          reserved(0x24 * 8),
          bits("CCAP", 32),
          bits("ECFG", 32),
          bits("VMGC", 256),
        ),
        region("EREG", SYSTEM_MEMORY, path("ECFG"), dword(0x2a000)),
        field(
          "EREG",
          DWORD_ACCESS,
          reserved(0x232 * 8),
          bits("ACKW", 32),
          reserved((0x400 - 0x236) * 8),
          bits("VVTB", 32),
          bits("VVTS", 32),
          bits("GENL", 32),
          bits("GENH", 32),
        ),
        region("QIO", SYSTEM_IO, word(0x5658), byte(4)),
        field("QIO", DWORD_ACCESS, bits("QCMD", 32)),
        method(
          "DQUE",
          0,
          store(path("QCMD"), local(0)),
          when(
            lequal(local(0), byte(3)),
            notify(path("\\_SB.PCI0"), zero),
          ),
          otherwise(
            when(
              lequal(local(0), byte(4)),
              notify(path("\\_SB.PCI0.VMGC"), byte(0x80)),
            ),
          ),
        ),
        device(
          "PCI0",
          device(
            "VMGC",
            name("_HID", string("VMW0001")),
            name(
              "_CID",
              packageOf(2, string(VM_GEN_COUNTER), eisaId("PNP0C02")),
            ),
            name("_UID", byte(7)),
            ddn,
            method(
              "_INI",
              8,
              when(
                lequal(path("TOOS"), word(0x1000)),
                store(dword(0x020cd041), path("_CID")),
              ),
            ),
            method(
              "_STA",
              0,
              store(path("GENL"), local(0)),
              when(and(local(0), oneBit, nothing), returns(byte(0x0b))),
              returns(zero),
            ),
            method(
              "ADDR",
              8,
              store(packageOf(2), local(0)),
              and(path("GENL"), dword(0xfffffff0), index(local(0), zero)),
              store(path("GENH"), index(local(0), one)),
              returns(local(0)),
            ),
          ),
        ),
      ),
      scope("\\_GPE", method("_L02", 0, path("\\_SB.DQUE"))),
    )],
    memory: words(
      [BigInt(base) + 0x28n, 0xfe000000n],
      [0xfe000408n, 0x0ff7a001n],
      [0xfe00040cn, 0n],
    ),
    expected: {
      path: "\\_SB.PCI0.VMGC",
      hid: "VMW0001",
      cid: VM_GEN_COUNTER,
      address: 0x0ff7a000n,
      form: "method",
      notifiedBy: "\\_GPE._L02",
      table: "DSDT",
      oemId: "PTLTD",
      oemTableId: "Custom",
      regionReads: reads.map(({ address }) => address),
    },
    widths: reads.map(({ width }) => width),
  };
}

/** What both VMware forms read after the base: GENL, GENL, GENH. */
const VMWARE_READS: readonly Read[] = [
  { address: 0xfe000408n, width: 4 },
  { address: 0xfe000408n, width: 4 },
  { address: 0xfe00040cn, width: 4 },
];

/** Xen: a static package, half filled; region and field come last. */
const xen: Form = {
  title: "Xen's static package and forward references",
  tables: [table(
    { oemId: "Xen", oemTableId: "HVM" },
    scope(
      "\\_SB",
      device(
        "PCI0",
        device(
          "ISA",
          device(
            "VGID",
            name("_HID", eisaId("XEN0000")),
            name("_UID", zero),
            cid,
            ddn,
            method(
              "_STA",
              0,
              when(lequal(path("\\_SB.VGIA"), zero), returns(zero)),
              otherwise(returns(byte(0x0f))),
            ),
            name("PKG", packageOf(2, zero, zero)),
            method(
              "ADDR",
              0,
              store(path("\\_SB.VGIA"), index(path("PKG"), zero)),
              returns(path("PKG")),
            ),
          ),
        ),
      ),
    ),
    scope(
      "\\_SB",
      region("BIOS", SYSTEM_MEMORY, dword(0xfc000000), byte(40)),
      field(
        "BIOS",
        BYTE_ACCESS,
        ...["UAR1", "UAR2", "LTP1", "HPET"].map((f) => bits(f, 1)),
        reserved(12),
        bits("NCPU", 16),
        ...["PMIN", "PLEN", "MSUA", "MAPA", "VGIA"].map((f) => bits(f, 32)),
      ),
    ),
  )],
  memory: words([0xfc000014n, 0xfc00a3c8n]),
  expected: {
    path: "\\_SB.PCI0.ISA.VGID",
    hid: "XEN0000",
    cid: VM_GEN_COUNTER,
    address: 0xfc00a3c8n,
    form: "method",
    notifiedBy: undefined,
    table: "DSDT",
    oemId: "Xen",
    oemTableId: "HVM",
    regionReads: [0xfc000014n, 0xfc000014n],
  },
  widths: [4, 4],
};

/** Firecracker's device, and its Generic Event Device. */
export const firecrackerDevice: Aml = device(
  "_SB.VGEN",
  name("_HID", string("VMGENCTR")),
  cid,
  ddn,
  name("ADDR", packageOf(2, dword(0x000dfff0), dword(0))),
);

const firecracker: Form = {
  title: "Firecracker's named package under a relative dual name",
  tables: [table(
    { oemId: "FIRECK", oemTableId: "FCVMDSDT", creator: "FCAT" },
    firecrackerDevice,
    device(
      "_SB.GED",
      name("_HID", string("ACPI0013")),
      method(
        "_EVT",
        9,
        when(
          lequal(arg(0), byte(5)),
          notify(path("\\_SB.VGEN"), byte(0x80)),
        ),
        when(
          lequal(arg(0), byte(6)),
          notify(path("\\_SB.VCLK"), byte(0x80)),
        ),
      ),
    ),
  )],
  memory: new Map(),
  expected: {
    path: "\\_SB.VGEN",
    hid: "VMGENCTR",
    cid: VM_GEN_COUNTER,
    address: 0xdfff0n,
    form: "name",
    notifiedBy: "\\_SB.GED._EVT",
    table: "DSDT",
    oemId: "FIRECK",
    oemTableId: "FCVMDSDT",
    regionReads: [],
  },
  widths: [],
};

/** AWS Nitro: the second element is ZeroOp; the second of two SSDTs. */
export const awsTable: Aml = table(
  {
    signature: "SSDT",
    revision: 1,
    oemId: "AMAZON",
    oemTableId: "AMZNSSDT",
    creator: "AMZN",
  },
  scope(
    "\\_SB",
    device(
      "VMGN",
      cid,
      ddn,
      name("_HID", string("AMZN0000")),
      name("ADDR", packageOf(2, dword(0xfed01000), zero)),
    ),
  ),
);

const aws: Form = {
  title: "AWS Nitro's named package with ZeroOp",
  tables: [
    table({ oemId: "AMAZON" }),
    table({ signature: "SSDT" }, name("\\_SB.FOO", int(300))),
    awsTable,
  ],
  memory: new Map(),
  expected: {
    path: "\\_SB.VMGN",
    hid: "AMZN0000",
    cid: VM_GEN_COUNTER,
    address: 0xfed01000n,
    form: "name",
    notifiedBy: undefined,
    table: "SSDT2",
    oemId: "AMAZON",
    oemTableId: "AMZNSSDT",
    regionReads: [],
  },
  widths: [],
};

/** bhyve: the _HID is a method. */
const bhyve: Form = {
  title: "bhyve's _HID method",
  tables: [table(
    { oemId: "BHYVE ", oemTableId: "BVDSDT  " },
    scope(
      "\\_SB",
      device(
        "GENC",
        cid,
        method("_HID", 0, returns(string("Bhyve_V_Gen_Counter_V1"))),
        name("_UID", zero),
        ddn,
        name("ADDR", packageOf(2, dword(0xffbfe000), zero)),
      ),
    ),
    scope("\\_GPE", method("_E04", 0, notify(path("\\_SB.GENC"), byte(0x80)))),
  )],
  memory: new Map(),
  expected: {
    path: "\\_SB.GENC",
    hid: "Bhyve_V_Gen_Counter_V1",
    cid: VM_GEN_COUNTER,
    address: 0xffbfe000n,
    form: "name",
    notifiedBy: "\\_GPE._E04",
    table: "DSDT",
    oemId: "BHYVE",
    oemTableId: "BVDSDT",
    regionReads: [],
  },
  widths: [],
};

/** Every form and variant. */
export const FORMS: readonly Form[] = [
  qemu("QEMU's method with a Local and Add (SeaBIOS)", 0x1ffff000),
  qemu("QEMU's method with a Local and Add (OVMF)", 0x1f7fc000),
  hyperV(
    "Hyper-V's method-local package and region fields",
    "Hyper_V_Gen_Counter_V1",
    string(VM_GEN_COUNTER),
    HYPERV_GPE,
  ),
  hyperV(
    "Hyper-V's _CID of two strings",
    "Hyper_V_Gen_Counter_V1",
    packageOf(2, string(VM_GEN_COUNTER), string("VMGENCTR")),
    HYPERV_GPE,
  ),
  hyperV(
    "Hyper-V's _CID of three strings, notified by a GED",
    "MSFT1002",
    packageOf(
      3,
      string(VM_GEN_COUNTER),
      string("VMGENCTR"),
      string("Hyper_V_Gen_Counter_V1"),
    ),
    HYPERV_GED,
  ),
  vmware(
    "VMware's region behind a field",
    0x0ff76040,
    one,
    [{ address: 0x0ff76068n, width: 4 }, ...VMWARE_READS],
  ),
  vmware(
    "VMware's region behind a field of an unaligned region",
    0xbfeffe45,
    byte(1),
    [
      ...[0xbfeffe6dn, 0xbfeffe6en, 0xbfeffe6fn, 0xbfeffe70n].map((
        address,
      ) => ({ address, width: 1 })),
      ...VMWARE_READS,
    ],
  ),
  xen,
  firecracker,
  aws,
  bhyve,
];
