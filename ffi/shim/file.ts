import type { ShimFile } from "./embedded.ts";
import { requireAbi, type Shim, ShimError, type ShimSymbols } from "./shim.ts";

/** Where `./install` is meant to put the shim, in order of search. */
export const SHIM_FOLDERS = [
  "/usr/local/lib/vmfork",
  "/usr/lib/vmfork",
] as const;

/** The paths that the shim may have when nobody names one, in order of search. */
export function shimPaths(file: ShimFile): string[] {
  return [
    ...packagedPath(file),
    ...SHIM_FOLDERS.map((folder) => `${folder}/${file.name}`),
  ];
}

/** Beside this module, in the npm package; JSR has no place for it. */
function packagedPath(file: ShimFile): string[] {
  const { url } = import.meta as { url?: string }; // some bundlers leave none
  if (!url?.startsWith("file:")) return [];
  return [decodeURIComponent(new URL(file.name, url).pathname)];
}

/** The bytes of an embedded shim. */
export function shimBytes(file: ShimFile): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(file.base64), (char) => char.charCodeAt(0));
}

/**
 * The name holds a digest and the package holds the bytes: no need to trust the name.
 *
 * @throws {ShimError} If these are other bytes
 */
export function requireBytes(
  path: string,
  found: Uint8Array,
  file: ShimFile,
): void {
  const wanted = shimBytes(file);
  if (
    found.length !== wanted.length ||
    found.some((byte, i) => byte !== wanted[i])
  ) {
    throw new ShimError(
      "load",
      `"${path}" is not the shim of this version of the package (${file.name})`,
    );
  }
}

/** A library that a runtime has loaded. */
export interface Library {
  readonly symbols: ShimSymbols;
  close(): void;
}

/**
 * @param library the library
 * @param origin where it was loaded from
 * @param arch the architecture
 * @throws {ShimError} If its ABI is another one; it is then closed
 */
export function shimOf(library: Library, origin: string, arch: string): Shim {
  try {
    requireAbi(library.symbols);
  } catch (error) {
    library.close();
    throw error;
  }
  let closed = false;
  return {
    symbols: library.symbols,
    origin,
    // arm64: /dev/mem maps the page as device memory; not timely until shown on hardware.
    cachedPages: arch === "x86_64",
    get closed() {
      return closed;
    },
    close() {
      closed = true;
      library.symbols.vmfork_close();
      library.close();
    },
  };
}
