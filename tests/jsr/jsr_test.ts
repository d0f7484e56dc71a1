import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { layOutRegistry } from "./registry.ts";

// The package as a user gets it from JSR: out of a registry that is a folder, into an empty program, with a cache of
// its own. Nothing here needs the network.

const PACKAGE = "@vmfork/crng";
const TIMEOUT_MS = 60_000;
const LEVELS = ["kernel", "hedged", "memory"];

const IMPORTS = `
import { getRandom } from "jsr:${PACKAGE}";
import { BaseCrng } from "jsr:${PACKAGE}/crng";
import { findVmGenId } from "jsr:${PACKAGE}/ffi";
import { SimulatedMachine } from "jsr:${PACKAGE}/testing";
import { install } from "jsr:${PACKAGE}@0/install";

const crng: BaseCrng = new BaseCrng(new SimulatedMachine().ports());
const bytes: Uint8Array<ArrayBuffer> = crng.getRandom(32);
console.log(bytes.length, typeof getRandom, typeof findVmGenId, typeof install);
`;

const DRAWS = `
import { configure, getRandom, protection } from "jsr:${PACKAGE}";

const [shim] = Deno.args;
if (shim) configure({ shim });
console.log(JSON.stringify({
  level: protection().level,
  shim: protection().shim,
  drawn: getRandom(32).length,
}));
`;

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe("The package from JSR", () => {
  let folder = "";
  let JSR_URL = "";

  before(async () => {
    folder = await Deno.makeTempDir({ prefix: "vmfork-jsr-" });
    JSR_URL = await layOutRegistry(`${folder}/registry`);
    await Deno.mkdir(`${folder}/program`);
    await Deno.writeTextFile(`${folder}/program/imports.ts`, IMPORTS);
    await Deno.writeTextFile(`${folder}/program/draws.ts`, DRAWS);
  });
  after(() => Deno.remove(folder, { recursive: true }));

  async function deno(...args: string[]): Promise<Run> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: `${folder}/program`,
      env: { JSR_URL, DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  async function draw(...args: string[]): Promise<Record<string, unknown>> {
    const { stdout, stderr } = await deno("run", "--no-prompt", ...args);
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout);
  }

  it("has every entry point, which import without a permission", async () => {
    const { stdout, stderr } = await deno("run", "--no-prompt", "imports.ts");
    assert.equal(stdout, "32 function function function\n", stderr);
  });

  it("passes deno check in the program that imports it", async () => {
    const { code, stderr } = await deno("check", "imports.ts", "draws.ts");
    assert.equal(code, 0, stderr);
  });

  it("installs its shim, and draws with the flags that this prints", async () => {
    const target = `${folder}/lib`;
    const { stdout, stderr } = await deno(
      "run",
      "--no-prompt",
      "--allow-read",
      `--allow-write=${target}`,
      "--allow-sys=uid",
      `jsr:${PACKAGE}/install`,
      target,
    );
    const [, flags] = /deno run (.+) PROGRAM/.exec(stdout) ?? [];
    assert.ok(flags !== undefined, stdout + stderr);
    const path = /--allow-ffi=(\S+)/.exec(flags)![1]!;
    const { level, shim, drawn } = await draw(
      ...flags.split(" "),
      "draws.ts",
      path,
    );
    assert.ok(LEVELS.includes(String(level)));
    assert.equal(shim, path);
    assert.equal(drawn, 32);
  });

  it("draws with --allow-ffi alone, from the copy that it holds", async () => {
    const { shim, drawn } = await draw("--allow-ffi", "draws.ts");
    assert.deepEqual({ shim, drawn }, { shim: "memfd", drawn: 32 });
  });

  it("draws with --allow-read=/dev/urandom alone, at kernel", async () => {
    const { level, drawn } = await draw(
      "--allow-read=/dev/urandom",
      "draws.ts",
    );
    assert.deepEqual({ level, drawn }, { level: "kernel", drawn: 32 });
  });

  it("throws a ProtectionError without a permission", async () => {
    const { code, stderr } = await deno("run", "--no-prompt", "draws.ts");
    assert.equal(code, 1);
    assert.match(stderr, /ProtectionError: Cannot draw/);
  });
});
