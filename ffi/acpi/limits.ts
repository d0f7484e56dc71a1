// Hard bounds. Every one exists so that no table, however broken or hostile,
// costs more than linear time or more stack than a few hundred frames.

/** Bytes in one table. The largest seen in the field has 138 KiB. */
export const MAX_TABLE_BYTES = 1 << 20;

/** Named objects in all tables together. The largest DSDT seen has about 9,000. */
export const MAX_OBJECTS = 65_536;

/** Characters in an absolute path: keeps the keys of the namespace short. */
export const MAX_PATH_LENGTH = 255;

/** TermLists within TermLists (Scope, Device, If, ...). Real tables reach 8. */
export const MAX_NESTING = 24;

/** TermLists given up during the load pass before the tables are refused. */
export const MAX_ABANDONED = 256;

/** Terms within terms. The known forms reach 4; this bounds the recursion. */
export const MAX_EXPRESSION_DEPTH = 32;

/** Packages within packages. The known forms have 1. */
export const MAX_PACKAGE_DEPTH = 16;

/** Elements of a package: NumElements of DefPackage is one byte (20.2.5.4). */
export const MAX_PACKAGE_ELEMENTS = 255;

/** Bytes of an evaluated buffer. A `_CRS` with one memory range has 48. */
export const MAX_BUFFER_BYTES = 65_536;

/** Terms, and copied elements, in one evaluation. The known forms need 30. */
export const MAX_STEPS = 256;

/** Methods that call methods. The known forms call none. */
export const MAX_CALL_DEPTH = 4;

/** Regions whose base is a field of another region. VMware has 2. */
export const MAX_REGION_CHAIN = 4;

/** Aliases of aliases. */
export const MAX_ALIAS_CHAIN = 4;

/**
 * Physical reads in one search, `_STA` and all. VMware needs 7 when its first
 * region is unaligned; the C shim allows no more than 16 either.
 */
export const MAX_PHYSICAL_READS = 16;

/** One past the highest physical address: x86-64 and arm64 have 52 bits. */
export const PHYSICAL_LIMIT: bigint = 1n << 52n;
