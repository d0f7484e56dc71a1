import { DeviceTreeError, type DeviceTreeErrorCode } from "./errors.ts";
import { type Block, type Blocks, readHeader } from "./header.ts";
import { MAX_DEPTH, MAX_NAME_LENGTH, MAX_NODES } from "./limits.ts";

/** The value of a property. */
export interface Property {
  readonly bytes: Uint8Array;
  /** Where the value stands in the blob. */
  readonly offset: number;
}

/** A node, with those of its properties that finding an address takes. */
export interface DeviceTreeNode {
  /** For example `/soc/vmgenid@80000000`. */
  readonly path: string;
  /** Where the node begins in the blob. */
  readonly offset: number;
  /** Undefined for the root. */
  readonly parent: DeviceTreeNode | undefined;
  readonly properties: ReadonlyMap<string, Property>;
}

// Devicetree Specification 0.4, section 5.4.1.
const FDT_BEGIN_NODE = 1;
const FDT_END_NODE = 2;
const FDT_PROP = 3;
const FDT_NOP = 4;
const FDT_END = 9;

/** All that is ever asked for; the rest of a tree is stepped over. */
const WANTED: ReadonlySet<string> = new Set([
  "#address-cells",
  "#size-cells",
  "compatible",
  "ranges",
  "reg",
  "status",
]);

/**
 * The nodes of a tree, in the order of the blob.
 *
 * @throws {DeviceTreeError} If the bytes break the format, or a bound is exceeded
 */
export function readNodes(blob: Uint8Array): DeviceTreeNode[] {
  return new Walk(blob).nodes();
}

interface OpenNode extends DeviceTreeNode {
  readonly parent: OpenNode | undefined;
  readonly properties: Map<string, Property>;
  readonly depth: number;
  /** Section 5.4.2: all properties of a node come before its children. */
  hasChildren: boolean;
}

/** One pass over the structure block. */
class Walk {
  readonly #blob: Uint8Array;
  readonly #view: DataView;
  readonly #blocks: Blocks;
  readonly #nodes: OpenNode[] = [];
  /** By offset in the strings block: a few names serve a whole tree. */
  readonly #names = new Map<number, string>();
  #at: number;
  #open: OpenNode | undefined;

  constructor(blob: Uint8Array) {
    this.#blob = blob;
    this.#view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
    this.#blocks = readHeader(blob);
    this.#at = this.#blocks.structure.start;
  }

  nodes(): DeviceTreeNode[] {
    for (;;) {
      const offset = this.#at;
      switch (this.#word()) {
        case FDT_BEGIN_NODE:
          this.#begin(offset);
          break;
        case FDT_PROP:
          this.#property(offset);
          break;
        case FDT_END_NODE:
          this.#open = this.#opened(offset).parent;
          break;
        case FDT_NOP:
          break;
        case FDT_END:
          this.#end(offset);
          return this.#nodes;
        default:
          throw refuse(offset, "There is no such token");
      }
    }
  }

  #begin(offset: number): void {
    const parent = this.#open;
    const name = this.#text(this.#at, this.#blocks.structure);
    if (parent === undefined && this.#nodes.length > 0) {
      throw refuse(offset, "A second node stands at the root");
    }
    const depth = parent === undefined ? 0 : parent.depth + 1;
    if (depth > MAX_DEPTH) {
      throw refuse(offset, `Nodes nest deeper than ${MAX_DEPTH}`, "limit");
    }
    if (this.#nodes.length >= MAX_NODES) {
      throw refuse(offset, `There are more than ${MAX_NODES} nodes`, "limit");
    }
    this.#skip(name.length + 1);
    if (parent !== undefined) parent.hasChildren = true;
    this.#open = {
      path: pathOf(parent, name),
      offset,
      parent,
      properties: new Map(),
      depth,
      hasChildren: false,
    };
    this.#nodes.push(this.#open);
  }

  #property(offset: number): void {
    const node = this.#opened(offset);
    if (node.hasChildren) {
      throw refuse(offset, "A property follows a node within its node");
    }
    const length = this.#word();
    const name = this.#propertyName(offset, this.#word());
    const start = this.#at;
    this.#skip(length);
    if (!WANTED.has(name)) return;
    if (node.properties.has(name)) {
      throw refuse(offset, `${node.path} has "${name}" twice`);
    }
    const bytes = this.#blob.subarray(start, start + length);
    node.properties.set(name, { bytes, offset: start });
  }

  #propertyName(offset: number, nameOffset: number): string {
    const known = this.#names.get(nameOffset);
    if (known !== undefined) return known;
    const { strings } = this.#blocks;
    if (nameOffset >= strings.end - strings.start) {
      throw refuse(offset, "The name of a property lies outside the strings");
    }
    const name = this.#text(strings.start + nameOffset, strings);
    this.#names.set(nameOffset, name);
    return name;
  }

  #opened(offset: number): OpenNode {
    if (this.#open !== undefined) return this.#open;
    throw refuse(offset, "A token stands outside of all nodes");
  }

  #end(offset: number): void {
    if (this.#open !== undefined) {
      throw refuse(offset, `The tree ends within ${this.#open.path}`);
    }
    if (this.#nodes.length === 0) throw refuse(offset, "The tree has no root");
  }

  #word(): number {
    const at = this.#at;
    this.#skip(4);
    return this.#view.getUint32(at);
  }

  /** Goes on by some bytes, and to the next 4-byte boundary (section 5.4). */
  #skip(length: number): void {
    const end = this.#at + length;
    if (end > this.#blocks.structure.end) {
      throw refuse(this.#at, "The structure block ends in the middle");
    }
    this.#at = end + (-end & 3);
  }

  /** NUL-terminated text. */
  #text(start: number, { end }: Block): string {
    const limit = Math.min(end, start + MAX_NAME_LENGTH + 1);
    const bytes = this.#blob.subarray(start, limit);
    const length = bytes.indexOf(0);
    if (length >= 0) return String.fromCharCode(...bytes.subarray(0, length));
    if (limit === end) throw refuse(start, "A name has no end");
    throw refuse(
      start,
      `A name has more than ${MAX_NAME_LENGTH} characters`,
      "limit",
    );
  }
}

/** What is not printable ASCII becomes "?": paths are shown. */
function pathOf(parent: OpenNode | undefined, name: string): string {
  if (parent === undefined) return "/";
  const shown = name.replace(/[^!-~]/g, "?");
  return parent.parent === undefined ? `/${shown}` : `${parent.path}/${shown}`;
}

function refuse(
  offset: number,
  reason: string,
  kind: "malformed" | "limit" = "malformed",
): DeviceTreeError {
  const code: DeviceTreeErrorCode = `devicetree-${kind}`;
  return new DeviceTreeError(code, offset, reason);
}
