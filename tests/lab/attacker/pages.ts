/** The memory of a machine, out of QEMU's migration stream. */

// QEMU, migration/savevm.h and migration/ram.c.
const FILE_MAGIC = 0x5145564d;
const SECTION_START = 0x01;
const SECTION_PART = 0x02;
const SECTION_END = 0x03;
const CONFIGURATION = 0x07;
const COMMAND = 0x08;
const SECTION_FOOTER = 0x7e;
const FLAG_ZERO = 0x02;
const FLAG_MEM_SIZE = 0x04;
const FLAG_PAGE = 0x08;
const FLAG_EOS = 0x10;
const FLAG_CONTINUE = 0x20;
const FLAGS = 0xfff;

const PAGE = 4096;
const TRAILER = 5;

/** Every page that is not all zeros, each a view of the stream. */
export function* ramPages(
  stream: Uint8Array<ArrayBuffer>,
): Generator<Uint8Array<ArrayBuffer>> {
  const view = new DataView(stream.buffer, stream.byteOffset);
  let at = 8;
  const text = (): void => void (at += 1 + view.getUint8(at));

  if (view.getUint32(0) !== FILE_MAGIC) throw new Error("No migration stream");
  if (view.getUint8(at) === CONFIGURATION) at += 5 + view.getUint32(at + 1);
  // Memory comes first, in sections of its own; the devices after it do not matter here.
  for (let type = 0; type !== SECTION_END;) {
    type = view.getUint8(at);
    if (type === COMMAND) {
      at += 5 + view.getUint16(at + 3);
      continue;
    }
    at += 5; // with the section's number
    if (type === SECTION_START) {
      text();
      at += 8; // instance and version
    } else if (type !== SECTION_PART && type !== SECTION_END) {
      throw new Error(`Section of unknown type ${type} at ${at}`);
    }
    for (let flags = 0; !(flags & FLAG_EOS);) {
      const header = view.getBigUint64(at);
      flags = Number(header & BigInt(FLAGS));
      at += 8;
      if (flags & FLAG_MEM_SIZE) {
        // The list of blocks: a name and a length each.
        for (let left = header & ~BigInt(FLAGS); left > 0n; at += 8) {
          text();
          left -= view.getBigUint64(at);
        }
      } else if (flags & (FLAG_ZERO | FLAG_PAGE)) {
        if (!(flags & FLAG_CONTINUE)) text();
        if (flags & FLAG_PAGE) yield stream.subarray(at, at + PAGE);
        at += flags & FLAG_PAGE ? PAGE : 1;
      } else if (flags !== FLAG_EOS) {
        throw new Error(`Record of unknown type ${flags} at ${at}`);
      }
    }
    if (view.getUint8(at) === SECTION_FOOTER) at += TRAILER;
  }
}
