import { DeviceTreeError } from "./errors.ts";
import { MAX_CELLS, MAX_RANGES, PHYSICAL_LIMIT } from "./limits.ts";
import type { DeviceTreeNode, Property } from "./nodes.ts";

/** Physical memory. */
export interface MemoryRegion {
  readonly address: bigint;
  /** In bytes. */
  readonly length: bigint;
}

/** How many 32-bit cells an address and a size have among the children of a node. */
interface Cells {
  readonly address: number;
  readonly size: number;
}

const CELL_BYTES = 4;

/** Section 2.3.5: what holds where a node says nothing; it is not inherited. */
const DEFAULT_CELLS: Cells = { address: 2, size: 1 };

/**
 * The one region of a node's `reg`, as the CPU sees it: translated through the `ranges` of each bus above the
 * node (Devicetree Specification 0.4, sections 2.3.5, 2.3.6 and 2.3.8).
 *
 * @throws {DeviceTreeError} If it has none or several, or no bus above it says where the CPU sees it
 */
export function regionOf(node: DeviceTreeNode): MemoryRegion {
  const { parent } = node;
  const reg = node.properties.get("reg");
  if (parent === undefined || reg === undefined) {
    throw wrong(node.offset, `${node.path} has no "reg"`);
  }
  const cells = cellsOf(parent);
  const bytes = (cells.address + cells.size) * CELL_BYTES;
  if (reg.bytes.length !== bytes) {
    throw wrong(
      reg.offset,
      `"reg" of ${node.path} has ${reg.bytes.length} bytes, where one region has ${bytes}`,
    );
  }
  const region = {
    address: readCells(reg, 0, cells.address),
    length: readCells(reg, cells.address, cells.size),
  };
  if (region.length === 0n) {
    throw wrong(reg.offset, `"reg" of ${node.path} is empty`);
  }
  return inMemory(reg, toRoot(region, parent));
}

/** Section 2.3.8, bus by bus. The root's children are what the CPU sees. */
function toRoot(region: MemoryRegion, node: DeviceTreeNode): MemoryRegion {
  let translated = region;
  for (let bus = node; bus.parent !== undefined; bus = bus.parent) {
    translated = throughRanges(translated, bus, bus.parent);
  }
  return translated;
}

function throughRanges(
  { address, length }: MemoryRegion,
  bus: DeviceTreeNode,
  above: DeviceTreeNode,
): MemoryRegion {
  const ranges = bus.properties.get("ranges");
  if (ranges === undefined) {
    throw wrong(
      bus.offset,
      `${bus.path} has no "ranges", so the CPU does not see what is in it`,
    );
  }
  if (ranges.bytes.length === 0) return { address, length };
  const cells = cellsOf(bus);
  const aboveCells = cellsOf(above).address;
  const step = cells.address + aboveCells + cells.size;
  for (const at of entries(ranges, step, bus)) {
    const child = readCells(ranges, at, cells.address);
    const parent = readCells(ranges, at + cells.address, aboveCells);
    const size = readCells(ranges, at + cells.address + aboveCells, cells.size);
    if (address < child || address + length > child + size) continue;
    return { address: address - child + parent, length };
  }
  throw wrong(
    ranges.offset,
    `No "ranges" of ${bus.path} hold 0x${address.toString(16)}`,
  );
}

/** The first cell of each entry. */
function entries(
  ranges: Property,
  step: number,
  bus: DeviceTreeNode,
): number[] {
  const count = ranges.bytes.length / (step * CELL_BYTES);
  if (!Number.isInteger(count)) {
    throw new DeviceTreeError(
      "devicetree-malformed",
      ranges.offset,
      `"ranges" of ${bus.path} does not hold whole entries`,
    );
  }
  if (count > MAX_RANGES) {
    throw new DeviceTreeError(
      "devicetree-limit",
      ranges.offset,
      `"ranges" of ${bus.path} has more than ${MAX_RANGES} entries`,
    );
  }
  return Array.from({ length: count }, (_, i) => i * step);
}

function cellsOf(node: DeviceTreeNode): Cells {
  return {
    address: cellCount(node, "#address-cells", DEFAULT_CELLS.address),
    size: cellCount(node, "#size-cells", DEFAULT_CELLS.size),
  };
}

function cellCount(
  node: DeviceTreeNode,
  name: string,
  otherwise: number,
): number {
  const property = node.properties.get(name);
  if (property === undefined) return otherwise;
  if (property.bytes.length !== CELL_BYTES) {
    throw new DeviceTreeError(
      "devicetree-malformed",
      property.offset,
      `"${name}" of ${node.path} is no single cell`,
    );
  }
  const count = Number(readCells(property, 0, 1));
  if (count >= 1 && count <= MAX_CELLS) return count;
  throw new DeviceTreeError(
    "devicetree-unsupported",
    property.offset,
    `"${name}" of ${node.path} is ${count}, where memory has 1 or 2`,
  );
}

/** Big-endian, like all of a device tree. */
function readCells(property: Property, first: number, count: number): bigint {
  const { buffer, byteOffset, byteLength } = property.bytes;
  const view = new DataView(buffer, byteOffset, byteLength);
  let value = 0n;
  for (let i = first; i < first + count; i++) {
    value = value << 32n | BigInt(view.getUint32(i * CELL_BYTES));
  }
  return value;
}

function inMemory(reg: Property, region: MemoryRegion): MemoryRegion {
  if (region.address + region.length <= PHYSICAL_LIMIT) return region;
  throw wrong(reg.offset, "The region is beyond 52 bits");
}

function wrong(offset: number, reason: string): DeviceTreeError {
  return new DeviceTreeError("devicetree-address", offset, reason);
}
