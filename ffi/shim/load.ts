import { ProtectionError } from "../../crng/errors.ts";
import { thisRuntime } from "../runtime/mod.ts";
import { MissingRight, type NoShim } from "../runtime/runtime.ts";
import { SHIM_FILES, type ShimFile } from "./embedded.ts";
import { type Shim, ShimError } from "./shim.ts";

export type { NoShim } from "../runtime/runtime.ts";
export { SHIM_FOLDERS, shimBytes } from "./file.ts";

/** Names a shim when `configure()` does not; read only if that is granted. */
export const SHIM_VARIABLE = "VMFORK_SHIM";

/** The shim's file for this machine; undefined where there is none. */
export function shimFile(): ShimFile | undefined {
  const { os, arch } = thisRuntime();
  if (os !== "linux" || !Object.hasOwn(SHIM_FILES, arch)) return undefined;
  return SHIM_FILES[arch as keyof typeof SHIM_FILES];
}

/** The flags of `deno run`, or of `node --permission`, for a shim at this path. */
export function flagsFor(path: string): string {
  return thisRuntime().flagsFor(path);
}

/**
 * Loads the shim, using only what is granted and never asking for more: a file that was named, the npm
 * package's own, or an installed one. In Deno, if FFI is granted without a path, also the embedded copy by
 * way of a sealed memfd, so that nothing is written.
 *
 * @param named the path of the shim, if the program names one
 * @throws {ProtectionError} If the shim that was named cannot be used, or FFI is granted for a file that
 * may not be read
 */
export function loadShim(named?: string): Shim | NoShim {
  const runtime = thisRuntime();
  const file = shimFile();
  if (file === undefined) {
    return {
      reason: `there is no shim for ${runtime.os} on ${runtime.arch}`,
      remedy: "Linux on x86-64 or arm64",
    };
  }
  const path = named ?? runtime.variable(SHIM_VARIABLE);
  try {
    return path ? openNamed(path, file) : runtime.findShim(file);
  } catch (error) {
    if (error instanceof ShimError) {
      throw new ProtectionError(
        "level-unavailable",
        `Cannot use the installed shim: ${error.message}`,
        { cause: error },
      );
    }
    if (!(error instanceof MissingRight)) throw error;
    throw new ProtectionError(
      "permission-denied",
      `Cannot load the shim as it takes both flags: ${flagsFor(error.path)}`,
      { cause: error },
    );
  }
}

function openNamed(name: string, file: ShimFile): Shim {
  // A name without a slash would be read from this folder, but loaded from the system's library path.
  const path = name.includes("/") ? name : `./${name}`;
  try {
    return thisRuntime().openShim(path, file);
  } catch (cause) {
    if (cause instanceof MissingRight) throw cause;
    throw new ProtectionError(
      "level-unavailable",
      `Cannot load the shim that was named: "${path}"`,
      { cause },
    );
  }
}
