import { check, cString, type Shim, STATUS_FILE } from "../shim/shim.ts";
import type { GenerationFile, SourceRow } from "./mod.ts";
import { NoDevice } from "./obstacles.ts";

/** The shim's name for each form: its width in bytes, 0 for text. */
const WIDTHS: Readonly<Record<GenerationFile["format"], number>> = {
  u32: 4,
  u64: 8,
  text: 0,
};

/** `PATH_MAX` of the shim, without the NUL. */
const MAX_PATH = 255;

/** Whether this is a file that the shim could be asked for. */
export function isGenerationFile(file: GenerationFile): boolean {
  return typeof file === "object" && file !== null &&
    typeof file.path === "string" && file.path.startsWith("/") &&
    !file.path.includes("\0") && cString(file.path).length <= MAX_PATH + 1 &&
    Object.hasOwn(WIDTHS, file.format);
}

/**
 * A counter in a file that the program names. A platform writes it some time after the fork, so that it is never
 * timely; once it cannot be read, draws throw.
 */
export const generationFile: SourceRow = {
  name: "generation-file",
  status: STATUS_FILE,
  isPage: false,
  named: ({ file }) => file && "the generation file",
  attach({ shim, named: { file } }) {
    if (file === undefined) {
      throw new NoDevice({
        reason: "no generation file is named",
        remedy: "configure({ generationFile })",
      });
    }
    check("vmfork_watch_file", watch(shim, file));
    return file.path;
  },
  confirmedBy: () => "caller",
  differs({ shim, named: { file } }) {
    // Another realm may have named it: only the shim knows which one it is.
    if (file === undefined || watch(shim, file) === 0) return undefined;
    return {
      reason: "this process already looks at another one, or in another format",
      remedy: "a new process",
    };
  },
};

function watch({ symbols }: Shim, { path, format }: GenerationFile): number {
  return symbols.vmfork_watch_file(cString(path), WIDTHS[format]);
}
