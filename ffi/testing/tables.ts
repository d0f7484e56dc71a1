/** ACPI 6.5 section 5.2.6: the header of a description table. */
const HEADER = 36;
const REVISION = 2;

// ACPI 6.5 section 20.2: the encodings that this one device takes.
const NAME_OP = 0x08;
const STRING_PREFIX = 0x0d;
const DWORD_PREFIX = 0x0c;
const PACKAGE_OP = 0x12;
const METHOD_OP = 0x14;
const NOTIFY_OP = 0x86;
const BYTE_PREFIX = 0x0a;
const DEVICE_OP = [0x5b, 0x82];
const ROOT = 0x5c;
const DUAL_NAME = 0x2e;

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];
const path = (first: string, second: string): number[] => [
  ROOT,
  DUAL_NAME,
  ...ascii(first),
  ...ascii(second),
];
const string = (text: string): number[] => [STRING_PREFIX, ...ascii(text), 0];
const name = (segment: string, value: number[]): number[] => [
  NAME_OP,
  ...ascii(segment),
  ...value,
];
const dword = (value: bigint): number[] => [
  DWORD_PREFIX,
  ...[0n, 8n, 16n, 24n].map((shift) => Number(value >> shift & 0xffn)),
];

/** A PkgLength of two bytes, which counts itself. */
function sized(body: number[]): number[] {
  const length = body.length + 2;
  return [0x40 | length & 0x0f, length >> 4, ...body];
}

/**
 * A DSDT that describes one VM generation ID device, `\_SB.VGEN`, with its address in a named package
 * and an event method that notifies it.
 */
export function simulatedDsdt(address: bigint): Uint8Array<ArrayBuffer> {
  const device = [
    ...DEVICE_OP,
    ...sized([
      ...path("_SB_", "VGEN"),
      ...name("_HID", string("VMFKSIM0")),
      ...name("_CID", string("VM_Gen_Counter")),
      ...name("ADDR", [
        PACKAGE_OP,
        ...sized([
          2,
          ...dword(address & 0xffffffffn),
          ...dword(address >> 32n),
        ]),
      ]),
    ]),
  ];
  const event = [
    METHOD_OP,
    ...sized([
      ...path("_GPE", "_E05"),
      0,
      NOTIFY_OP,
      ...path("_SB_", "VGEN"),
      BYTE_PREFIX,
      0x80,
    ]),
  ];
  return withHeader([...device, ...event]);
}

function withHeader(aml: number[]): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array(HEADER + aml.length);
  table.set(ascii("DSDT"));
  new DataView(table.buffer).setUint32(4, table.length, true);
  table[8] = REVISION;
  table.set(ascii("VMFORKSIMULATD"), 10);
  table.set(aml, HEADER);
  table[9] = -table.reduce((sum, byte) => sum + byte, 0);
  return table;
}
