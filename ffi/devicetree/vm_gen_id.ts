import { type MemoryRegion, regionOf } from "./address.ts";
import { DeviceTreeError } from "./errors.ts";
import { type DeviceTreeNode, type Property, readNodes } from "./nodes.ts";

/** Where the tree says that the 16 bytes of the generation ID are. */
export interface DeviceTreeVmGenId {
  /** The path of the node, such as `/vmgenid`. */
  readonly path: string;
  /** Physical address of the 16 bytes, a multiple of 8. */
  readonly address: bigint;
  /** Length of the region that begins with them, in bytes; at least 16. */
  readonly length: bigint;
}

/** UAPI.14, VMGenID; Linux, Documentation/devicetree/bindings/rng/microsoft,vmgenid.yaml. */
const COMPATIBLE = "microsoft,vmgenid";

/** Paths in a message. */
const MAX_SHOWN = 3;

/** The generation ID. */
const ID_BYTES = 16n;

/** Section 2.3.4: what `status` says of a device that works; `ok` is of old trees. */
const ENABLED: readonly string[] = ["okay", "ok"];

/**
 * Finds the virtual machine generation ID in a flattened device tree, as machines without ACPI have it:
 * Firecracker on arm64, for example.
 *
 * The node is the one whose `compatible` has `microsoft,vmgenid`; its `reg` is translated through the buses
 * above it. See Devicetree Specification 0.4, chapter 5 for the format.
 *
 * The address comes from the tree alone: check that it is not System RAM before mapping it.
 *
 * @param blob Contents of `/sys/firmware/fdt`.
 * @returns The device, or `undefined` if the machine has none.
 * @throws {DeviceTreeError} If the tree is broken, the device is disabled, more than one is enabled, or its
 * address is missing or cannot be right.
 *
 * @example Usage
 * ```ts
 * import { DeviceTreeError, findDeviceTreeVmGenId } from "@vmfork/crng/ffi";
 *
 * function describe(blob: Uint8Array): string {
 *   const device = findDeviceTreeVmGenId(blob);
 *   return device === undefined ? "none" : `0x${device.address.toString(16)}`;
 * }
 * try {
 *   describe(new Uint8Array(40));
 * } catch (error) {
 *   if (!(error instanceof DeviceTreeError)) throw error;
 * }
 * ```
 */
export function findDeviceTreeVmGenId(
  blob: Uint8Array,
): DeviceTreeVmGenId | undefined {
  const marked = readNodes(blob).filter(isMarked);
  if (marked.length === 0) return undefined;
  const node = onlyEnabled(marked);
  return { path: node.path, ...checked(node, regionOf(node)) };
}

/** Linux compares identifiers without regard to case. */
function isMarked({ properties }: DeviceTreeNode): boolean {
  return strings(properties.get("compatible"))
    .some((id) => id.toLowerCase() === COMPATIBLE);
}

function onlyEnabled(marked: readonly DeviceTreeNode[]): DeviceTreeNode {
  const enabled = marked.filter(({ properties }) =>
    !properties.has("status") ||
    ENABLED.includes(strings(properties.get("status"))[0] ?? "")
  );
  if (enabled.length === 1) return enabled[0]!;
  if (enabled.length === 0) {
    throw new DeviceTreeError(
      "devicetree-disabled",
      marked[0]!.offset,
      `The status of ${paths(marked)} is not "okay"`,
    );
  }
  throw new DeviceTreeError(
    "devicetree-ambiguous",
    enabled[1]!.offset,
    `More than one device matches: ${paths(enabled)}`,
  );
}

/** The first few, as a tree may hold thousands. */
function paths(nodes: readonly DeviceTreeNode[]): string {
  const shown = nodes.slice(0, MAX_SHOWN).map(({ path }) => path).join(", ");
  return nodes.length > MAX_SHOWN ? `${shown} and others` : shown;
}

function checked(node: DeviceTreeNode, region: MemoryRegion): MemoryRegion {
  const { address, length } = region;
  const refuse = (reason: string): DeviceTreeError =>
    new DeviceTreeError("devicetree-address", node.offset, reason);
  if (address === 0n) throw refuse(`The address of ${node.path} is zero`);
  if (address % 8n !== 0n) {
    throw refuse(`The address of ${node.path} is not 8-byte aligned`);
  }
  if (length < ID_BYTES) {
    throw refuse(`The region of ${node.path} has less than ${ID_BYTES} bytes`);
  }
  return region;
}

/** Section 2.2.4: a stringlist, each string with a NUL at its end. */
function strings(property: Property | undefined): string[] {
  if (property === undefined) return [];
  return new TextDecoder("latin1").decode(property.bytes).split("\0");
}
