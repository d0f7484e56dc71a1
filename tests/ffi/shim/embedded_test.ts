import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import {
  SHIM_FILES,
  SHIM_SOURCE,
  SHIM_TOOLCHAIN,
  type ShimFile,
} from "../../../ffi/shim/embedded.ts";
import { SHIM_SYMBOLS } from "../../../ffi/shim/symbols.ts";

// elf(5), and the System V ABI, chapters 4 and 5
const MACHINES = { x86_64: 62, aarch64: 183 } as const;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ET_DYN = 3;
const PROGRAM_HEADERS_AT = 32;
const PROGRAM_HEADER_COUNT_AT = 56;
const PROGRAM_HEADER_SIZE = 56;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;
const PF_W = 2;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_HASH = 4n;
const DT_STRTAB = 5n;
const DT_SYMTAB = 6n;
const DT_RELA = 7n;
const DT_RELASZ = 8n;
const DT_RPATH = 15n;
const DT_TEXTREL = 22n;
const DT_RUNPATH = 29n;
const DT_FLAGS_1 = 0x6ffffffbn;
const DT_VERNEED = 0x6ffffffen;
/** Constructors, destructors, and code that the loader patches: DT_INIT, DT_FINI, DT_REL, DT_JMPREL, DT_INIT_ARRAY, DT_FINI_ARRAY */
const CODE_AT_LOAD = [12n, 13n, 17n, 23n, 25n, 26n];
const DF_1_NODELETE = 8n;
const SYMBOL_SIZE = 24;
const RELOCATION_SIZE = 24;
/** The address of a symbol, as it is: R_X86_64_GLOB_DAT, R_AARCH64_GLOB_DAT */
const GLOB_DAT = { x86_64: 6, aarch64: 1025 } as const;
/** Of local symbols only those of sections are in the table; ld puts them there for its own sake. */
const STB_LOCAL = 0;
const STB_WEAK = 2;
const SHN_UNDEF = 0;
/** Vmclock, generation file, events, realms and healing with their doors took it from 12,800 to this. */
const MAX_SIZE = 21_504;

/** What Node-API looks for in a module. */
const NODE_API_EXPORTS = [
  "napi_register_module_v1",
  "node_api_module_get_api_version_v1",
];

interface Segment {
  type: number;
  flags: number;
  offset: number;
  address: number;
  size: number;
}

interface Symbol {
  name: string;
  binding: number;
  section: number;
}

interface Relocation {
  type: number;
  symbol: Symbol;
}

/** What the loader sees of an ELF file: program headers and the dynamic table, not the section headers. */
class Elf {
  readonly view: DataView;
  readonly segments: Segment[];
  readonly dynamic: [tag: bigint, value: bigint][];

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.segments = this.#readSegments();
    this.dynamic = this.#readDynamic();
  }

  #readSegments(): Segment[] {
    const start = Number(this.view.getBigUint64(PROGRAM_HEADERS_AT, true));
    const count = this.view.getUint16(PROGRAM_HEADER_COUNT_AT, true);
    return Array.from(
      { length: count },
      (_, i) => this.#readSegment(start + i * PROGRAM_HEADER_SIZE),
    );
  }

  #readSegment(at: number): Segment {
    return {
      type: this.view.getUint32(at, true),
      flags: this.view.getUint32(at + 4, true),
      offset: Number(this.view.getBigUint64(at + 8, true)),
      address: Number(this.view.getBigUint64(at + 16, true)),
      size: Number(this.view.getBigUint64(at + 32, true)),
    };
  }

  #readDynamic(): [bigint, bigint][] {
    const { offset, size } = this.segment(PT_DYNAMIC);
    const entries: [bigint, bigint][] = [];
    for (let at = offset; at < offset + size; at += 16) {
      const tag = this.view.getBigInt64(at, true);
      if (tag === DT_NULL) break;
      entries.push([tag, this.view.getBigUint64(at + 8, true)]);
    }
    return entries;
  }

  segment(type: number): Segment {
    const found = this.segments.find((segment) => segment.type === type);
    assert.ok(found !== undefined, `no segment of type ${type}`);
    return found;
  }

  tag(tag: bigint): bigint {
    const found = this.dynamic.find(([other]) => other === tag);
    assert.ok(found !== undefined, `no dynamic entry ${tag}`);
    return found[1];
  }

  /** The place in the file of an address in memory. */
  #offsetOf(address: number): number {
    const inside = ({ type, address: start, size }: Segment) =>
      type === PT_LOAD && address >= start && address < start + size;
    const found = this.segments.find(inside);
    assert.ok(found !== undefined, `address ${address} is not in the file`);
    return address - found.address + found.offset;
  }

  #readString(at: number): string {
    let text = "";
    for (let byte; (byte = this.view.getUint8(at)) !== 0; at++) {
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** All dynamic symbols but the empty one at 0. The hash table's nchain is their number. */
  symbols(): Symbol[] {
    const count = this.view.getUint32(
      this.#offsetOf(Number(this.tag(DT_HASH))) + 4,
      true,
    );
    const strings = this.#offsetOf(Number(this.tag(DT_STRTAB)));
    const table = this.#offsetOf(Number(this.tag(DT_SYMTAB)));
    return Array.from({ length: count - 1 }, (_, i) => {
      const at = table + (i + 1) * SYMBOL_SIZE;
      return {
        name: this.#readString(strings + this.view.getUint32(at, true)),
        binding: this.view.getUint8(at + 4) >> 4,
        section: this.view.getUint16(at + 6, true),
      };
    });
  }

  relocations(): Relocation[] {
    const symbols = this.symbols();
    const table = this.#offsetOf(Number(this.tag(DT_RELA)));
    const count = Number(this.tag(DT_RELASZ)) / RELOCATION_SIZE;
    return Array.from({ length: count }, (_, i) => {
      const info = table + i * RELOCATION_SIZE + 8;
      return {
        type: this.view.getUint32(info, true),
        symbol: symbols[this.view.getUint32(info + 4, true) - 1]!,
      };
    });
  }
}

function decode(file: ShimFile): Uint8Array {
  return Uint8Array.from(atob(file.base64), (char) => char.charCodeAt(0));
}

for (const arch of ["x86_64", "aarch64"] as const) {
  const file = SHIM_FILES[arch];
  const bytes = decode(file);
  const elf = new Elf(bytes);

  describe(`SHIM_FILES.${arch}`, () => {
    it("is a small 64-bit shared object for its machine", () => {
      assert.deepEqual([...bytes.subarray(0, 6)], [
        0x7f,
        0x45,
        0x4c,
        0x46,
        ELFCLASS64,
        ELFDATA2LSB,
      ]);
      assert.equal(elf.view.getUint16(16, true), ET_DYN);
      assert.equal(elf.view.getUint16(18, true), MACHINES[arch]);
      assert.ok(bytes.length <= MAX_SIZE, `${bytes.length} bytes`);
    });

    it("has the digest and the name that it claims", () => {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      assert.equal(file.sha256, sha256);
      assert.equal(file.name, `libvmfork-${sha256.slice(0, 16)}.so`);
    });

    it("needs no library, no symbol versions and no interpreter", () => {
      const unwanted = [
        DT_NEEDED,
        DT_VERNEED,
        DT_RPATH,
        DT_RUNPATH,
        DT_TEXTREL,
      ];
      assert.deepEqual(
        elf.dynamic.filter(([tag]) => unwanted.includes(tag)),
        [],
      );
      assert.ok(!elf.segments.some(({ type }) => type === PT_INTERP));
    });

    it("runs nothing at load, and takes nothing from the process but the addresses of Node-API", () => {
      assert.deepEqual(
        elf.dynamic.filter(([tag]) => CODE_AT_LOAD.includes(tag)),
        [],
      );
      const relocations = elf.relocations();
      assert.ok(relocations.length > 0);
      for (const { type, symbol } of relocations) {
        assert.equal(type, GLOB_DAT[arch]);
        assert.match(symbol.name, /^napi_/);
      }
    });

    it("is never unloaded", () => {
      assert.equal(elf.tag(DT_FLAGS_1) & DF_1_NODELETE, DF_1_NODELETE);
    });

    it("has no page that is both writable and executable, the stack included", () => {
      const both = PF_W | PF_X;
      const loads = elf.segments.filter(({ type }) => type === PT_LOAD);
      assert.equal(loads.length, 2);
      assert.deepEqual(
        loads.filter(({ flags }) => (flags & both) === both),
        [],
      );
      assert.equal(elf.segment(PT_GNU_STACK).flags & PF_X, 0);
    });

    it("exports SHIM_SYMBOLS and the door of Node-API, and nothing else", () => {
      assert.deepEqual(
        elf.symbols()
          .filter(({ section, binding }) =>
            section !== SHN_UNDEF && binding !== STB_LOCAL
          )
          .map(({ name }) => name).sort(),
        [...Object.keys(SHIM_SYMBOLS), ...NODE_API_EXPORTS].sort(),
      );
    });

    it("leaves nothing undefined but Node-API, weakly: it also loads where there is none", () => {
      const wanted = elf.symbols().filter(({ section }) =>
        section === SHN_UNDEF
      );
      for (const { name, binding } of wanted) {
        assert.match(name, /^napi_/);
        assert.equal(binding, STB_WEAK, name);
      }
    });

    it("says which compiler and linker made it", () => {
      assert.match(
        SHIM_TOOLCHAIN[arch],
        /gcc .*[0-9]+\.[0-9]+.*, GNU ld .*[0-9]+\.[0-9]+/,
      );
    });
  });
}

describe("SHIM_SOURCE", () => {
  it("is a SHA-256 in hex", () => assert.match(SHIM_SOURCE, /^[0-9a-f]{64}$/));
});
