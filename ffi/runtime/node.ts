import type { ShimFile } from "../shim/embedded.ts";
import { type Library, requireBytes, shimOf, shimPaths } from "../shim/file.ts";
import { type Shim, ShimError, type ShimSymbols } from "../shim/shim.ts";
import { builtin, type NodeProcess, nodeProcess } from "./node_process.ts";
import {
  type DeviceFile,
  errnoOf,
  MissingRight,
  type NoShim,
  type Runtime,
  unreadable,
} from "./runtime.ts";
import { timerOf } from "./timer.ts";

/** Node, and what follows its ways. Here a right that is missing is an error, never a question: it is tried. */
export function nodeRuntime(): Runtime {
  const process = nodeProcess();
  const arch = ARCHES[process?.arch ?? ""] ?? process?.arch ?? "unknown";
  return {
    os: process?.platform ?? "unknown",
    arch,
    flagsFor,
    readFlag: (path) => `--allow-fs-read=${path}`,
    missingInstallFlags: (folder) => missingInstallFlags(process, folder),
    variable: (name) => process?.env[name],
    openShim: (path, file) => openShim(path, file, arch),
    findShim: (file) => findShim(file, arch),
    openDevice,
    timer: timerOf((timer) => (timer as { unref?(): void }).unref?.()),
  };
}

/** Node's names of the architectures that there is a shim for. */
const ARCHES: Readonly<Record<string, string>> = {
  x64: "x86_64",
  arm64: "aarch64",
};

/** The codes of the errors by which the permission model refuses. */
const REFUSALS = ["ERR_ACCESS_DENIED", "ERR_DLOPEN_DISABLED"];

function flagsFor(path: string): string {
  return `--allow-addons --allow-fs-read=${path}`;
}

function missingInstallFlags(
  process: NodeProcess | undefined,
  folder: string,
): string | undefined {
  const rights = process?.permission;
  if (!rights) return undefined;
  if (rights.has("fs.read", "/") && rights.has("fs.write", folder)) {
    return undefined;
  }
  return `--allow-fs-read=* --allow-fs-write=${folder}`;
}

/** Runs it, with the permission model's refusals as MissingRight. */
function tried<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (REFUSALS.includes(codeOf(error))) {
      throw new MissingRight(path, { cause: error });
    }
    throw error;
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code);
}

function openShim(path: string, file: ShimFile, arch: string): Shim {
  const bytes = tried(path, () => builtin("node:fs").readFileSync(path));
  requireBytes(path, bytes, file);
  return shimOf(tried(path, () => load(path)), path, arch);
}

/** The shim is a Node-API module as well. Nothing can be closed: Node keeps modules. */
function load(path: string): Library {
  const module = { exports: {} };
  try {
    const process = nodeProcess();
    if (process?.dlopen === undefined) throw new Error("there is no Node-API");
    process.dlopen(module, path);
  } catch (cause) {
    if (REFUSALS.includes(codeOf(cause))) throw cause;
    throw new ShimError(
      "load",
      cause instanceof Error ? cause.message : String(cause),
      { cause },
    );
  }
  return { symbols: module.exports as ShimSymbols, close() {} };
}

/** The file of the npm package, or an installed one. */
function findShim(file: ShimFile, arch: string): Shim | NoShim {
  let obstacle: NoShim | undefined;
  for (const path of shimPaths(file)) {
    try {
      return openShim(path, file, arch);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") obstacle ??= explain(error, path);
    }
  }
  return obstacle ?? {
    reason:
      `the shim is neither beside the package's code, as when an app is bundled, nor installed: ${file.name}`,
    remedy:
      "a copy of that file, named by configure({ shim }) or the variable VMFORK_SHIM",
  };
}

/**
 * @throws What is neither a refusal nor a fault of the file or the file system: that is a bug
 */
function explain(error: unknown, path: string): NoShim {
  if (error instanceof MissingRight) {
    return {
      reason: "the permission to load the shim is missing",
      remedy: nodeProcess()?.permission
        ? flagsFor(path)
        : "node without the flag --no-addons",
    };
  }
  if (error instanceof ShimError) {
    return { reason: error.message, remedy: "a fresh copy of the package" };
  }
  return unreadable(path, error);
}

function openDevice(path: string): DeviceFile | undefined {
  if (nodeProcess() === undefined) return undefined;
  const fs = builtin("node:fs");
  let file: number;
  try {
    file = tried(path, () => fs.openSync(path, "r"));
  } catch (error) {
    if (error instanceof MissingRight || errnoOf(error) !== undefined) {
      return undefined;
    }
    throw error;
  }
  const stat = fs.fstatSync(file);
  return {
    device: stat.isCharacterDevice() ? stat.rdev : undefined,
    read: (into) => fs.readSync(file, into),
    close: () => fs.closeSync(file),
  };
}
