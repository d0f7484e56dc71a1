import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of this repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** Far more than anything here takes. */
const TIMEOUT_MS = 300_000;

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** A folder outside of the repository with an empty project in it. */
export class Sandbox {
  /** Its path. */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes one that is removed when it is disposed of. */
  static async create(): Promise<Sandbox> {
    const sandbox = new Sandbox(
      await Deno.makeTempDir({ prefix: "vmfork-npm-" }),
    );
    await sandbox.write("package.json", '{ "private": true }\n');
    return sandbox;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  /** The path of something in it. */
  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Writes a file, and the folders above it. */
  async write(path: string, text: string): Promise<void> {
    await Deno.mkdir(dirname(this.path(path)), { recursive: true });
    await Deno.writeTextFile(this.path(path), text);
  }

  /** Installs packages; no script of theirs runs. */
  async install(...packages: string[]): Promise<void> {
    await this.run(
      "npm",
      "install",
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      ...packages,
    );
  }

  /** Runs a command in it to its end. */
  async end(command: string, ...args: string[]): Promise<Ended> {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args,
      cwd: this.folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const [out, errors] = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    return { code, output: `${out}${errors}` };
  }

  /** Runs a command in it; its output. */
  async run(command: string, ...args: string[]): Promise<string> {
    const { code, output } = await this.end(command, ...args);
    if (code === 0) return output;
    throw new Error(`${command} ${args.join(" ")}: status ${code}\n${output}`);
  }
}
