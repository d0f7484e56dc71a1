// Hard bounds. Every one exists so that no device tree, however broken or hostile, costs more than linear
// time and memory.

/** Bytes in one blob. The largest in Linux have about 200 KiB. */
export const MAX_BLOB_BYTES = 1 << 20;

/** Nodes within nodes. The largest trees reach 8; Linux itself goes no deeper than 64. */
export const MAX_DEPTH = 64;

/** Nodes in one tree. The largest in Linux have some thousands. */
export const MAX_NODES = 65_536;

/** Characters in the name of a node or property. The specification allows 31, and real trees a few more. */
export const MAX_NAME_LENGTH = 255;

/** Entries of one `ranges`. A PCI bridge has 4. */
export const MAX_RANGES = 256;

/** 32-bit cells of an address or size: more belong to buses such as PCI, whose addresses are not the CPU's. */
export const MAX_CELLS = 2;

/** One past the highest physical address: arm64 has 52 bits. */
export const PHYSICAL_LIMIT: bigint = 1n << 52n;
