import { check, cString, ShimError, type ShimSymbols } from "../shim/shim.ts";

/** The largest table that is read; the largest seen has 138 KB. */
const MAX_TABLE = 1 << 20;
/** Far more SSDTs than any machine seen has. */
const MAX_SSDTS = 64;

/**
 * The DSDT and all SSDTs, which is where devices are described. Linux names a single SSDT `SSDT` and
 * several of them `SSDT1`, `SSDT2` and so on.
 *
 * @throws {ShimError} If the DSDT cannot be read
 */
export function readAcpiTables(symbols: ShimSymbols): Uint8Array[] {
  const into = new Uint8Array(MAX_TABLE);
  const tables = [readTable(symbols, "DSDT", into)];
  const single = readTableIfThere(symbols, "SSDT", into);
  if (single !== undefined) tables.push(single);
  for (let i = 1; i <= MAX_SSDTS; i++) {
    const table = readTableIfThere(symbols, `SSDT${i}`, into);
    if (table === undefined) break;
    tables.push(table);
  }
  return tables;
}

function readTable(
  symbols: ShimSymbols,
  name: string,
  into: Uint8Array<ArrayBuffer>,
): Uint8Array {
  const length = check(
    "vmfork_read_table",
    symbols.vmfork_read_table(cString(name), into, into.length),
  );
  return into.slice(0, length);
}

/**
 * @param into room for it, @default {enough for any table}
 * @throws {ShimError} If it is there and cannot be read
 */
export function readTableIfThere(
  symbols: ShimSymbols,
  name: string,
  into: Uint8Array<ArrayBuffer> = new Uint8Array(MAX_TABLE),
): Uint8Array | undefined {
  try {
    return readTable(symbols, name, into);
  } catch (error) {
    if (error instanceof ShimError && error.errno === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}
