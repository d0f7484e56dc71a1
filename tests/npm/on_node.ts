import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { install } from "../../ffi/install.ts";
import { shimFile } from "../../ffi/shim/load.ts";

// What only Node has: its permission model, the package's own file, worker threads. Each test runs a program in a
// process of its own. (The name keeps `deno test` away.)

const PROGRAMS = join(dirname(fileURLToPath(import.meta.url)), "programs");
/** The folder that the package is installed in. */
const SANDBOX = PROGRAMS.slice(0, PROGRAMS.indexOf(`${sep}translated${sep}`));
const PACKAGE = join(SANDBOX, "node_modules/@vmfork/crng");
const SHIM = join(PACKAGE, "ffi/shim", shimFile()!.name);
const LEVELS = ["kernel", "hedged", "memory"];
/** Node 20 knows it by the longer name only. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has("--permission")
  ? "--permission"
  : "--experimental-permission";
/** A program that hangs is killed then, and its test fails: nothing shorter holds on a busy host. */
const TIMEOUT_MS = 60_000;

/** What to run Node by so that a file's mode binds root too, who has to give up the right to go past modes. */
const BOUND_BY_MODES = process.getuid!() === 0
  ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
  : [];

const execute = promisify(execFile);

async function run(
  program: string,
  flags: readonly string[],
  env: Record<string, string> = {},
  args: readonly string[] = [],
  by: readonly string[] = [],
): Promise<string> {
  const [command, ...before] = [...by, process.execPath];
  const { stdout } = await execute(
    command!,
    [...before, ...flags, resolve(PROGRAMS, program), ...args],
    { env, timeout: TIMEOUT_MS },
  );
  return stdout;
}

async function report(
  flags: readonly string[],
  env?: Record<string, string>,
  program = "report.js",
): // deno-lint-ignore no-explicit-any -- JSON of a program of ours
Promise<any> {
  return JSON.parse(await run(program, flags, env));
}

test("A program loads the package's own file", async () => {
  const { level, shim, drawn } = await report([]);
  assert.ok(LEVELS.includes(level));
  assert.equal(shim, SHIM);
  assert.equal(drawn, 32);
});

test("A program under the permission model needs addons and the package's folder, nothing else", async () => {
  const { shim, drawn } = await report([
    PERMISSION,
    "--allow-addons",
    `--allow-fs-read=${join(PROGRAMS, "*")}`,
    `--allow-fs-read=${join(SANDBOX, "node_modules/@vmfork/*")}`,
    `--allow-fs-read=${join(SANDBOX, "translated/package.json")}`,
  ]);
  assert.equal(shim, SHIM);
  assert.equal(drawn, 32);
});

test("A program without the right to load addons draws at kernel, and is told the flag", async () => {
  const { level, shim, notReached } = await report([
    PERMISSION,
    "--allow-fs-read=*",
  ]);
  assert.deepEqual({ level, shim }, { level: "kernel", shim: undefined });
  for (const { reason, remedy } of notReached) {
    assert.match(reason, /permission to load the shim is missing/);
    assert.ok(remedy.includes("--allow-addons"), remedy);
    assert.ok(remedy.includes(`--allow-fs-read=${SHIM}`), remedy);
  }
});

test("A program without any right gets a ProtectionError that names the flags", async () => {
  const { error } = await report([
    PERMISSION,
    `--allow-fs-read=${join(SANDBOX, "*")}`,
  ]);
  assert.equal(error.name, "ProtectionError");
  assert.equal(error.code, "permission-denied");
  for (const flag of ["--allow-addons", "--allow-fs-read=/dev/urandom"]) {
    assert.ok(error.message.includes(flag), error.message);
  }
});

test("A program with the flag --no-addons draws at kernel, and is told so", async () => {
  const { level, notReached } = await report(["--no-addons"]);
  assert.equal(level, "kernel");
  assert.match(notReached[0].remedy, /--no-addons/);
});

test("A program in a runtime without Node-API draws at kernel, and is told so", async () => {
  const { level, notReached } = await report([], {}, "no_node_api.js");
  assert.equal(level, "kernel");
  assert.match(notReached[0].reason, /there is no Node-API/);
});

test("A shim that was named and is missing, or is another file, is an error", async () => {
  for (const path of [join(PACKAGE, "mod.js"), join(PACKAGE, "missing.so")]) {
    const { error } = await report([], { VMFORK_SHIM: path });
    assert.equal(error.name, "ProtectionError");
    assert.equal(error.code, "level-unavailable");
    assert.ok(error.message.includes(path), error.message);
  }
});

test("A shim that was named and may not be loaded is an error that names the flags", async () => {
  const { error } = await report([
    PERMISSION,
    `--allow-fs-read=${join(SANDBOX, "*")}`,
  ], { VMFORK_SHIM: SHIM });
  assert.equal(error.code, "permission-denied");
  assert.ok(error.message.includes(`--allow-addons --allow-fs-read=${SHIM}`));
});

/** Runs a test on a copy of the package, without its shims if they are not wanted: so a bundler leaves it. */
async function withCopy(
  shims: boolean,
  body: (program: string, shim: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vmfork-"));
  try {
    const copy = join(folder, "node_modules/@vmfork/crng");
    cpSync(PACKAGE, copy, {
      recursive: true,
      filter: (path) => shims || !path.endsWith(".so"),
    });
    const program = join(folder, "translated/tests/npm/programs/report.js");
    cpSync(PROGRAMS, dirname(program), { recursive: true });
    copyFileSync(
      join(SANDBOX, "translated/package.json"),
      join(folder, "package.json"),
    );
    await body(program, join(copy, relative(PACKAGE, SHIM)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("A bundled program draws at kernel, and is told which file is missing", async () => {
  await withCopy(false, async (program) => {
    const { level, notReached } = await report([], {}, program);
    assert.equal(level, "kernel");
    assert.match(notReached[0].reason, /bundled/);
    assert.ok(notReached[0].reason.includes(shimFile()!.name));
  });
});

test("A bundled program can name a copy of the shim", async () => {
  await withCopy(false, async (program) => {
    const { shim } = await report([], { VMFORK_SHIM: SHIM }, program);
    assert.equal(shim, SHIM);
  });
});

test("A shim that the file system does not let be read is passed over, and is an error if it was named", async () => {
  await withCopy(true, async (program, shim) => {
    chmodSync(shim, 0);
    const bound = async (env: Record<string, string>) =>
      JSON.parse(await run(program, [], env, [], BOUND_BY_MODES));
    const { level, drawn, notReached } = await bound({});
    assert.deepEqual({ level, drawn }, { level: "kernel", drawn: 32 });
    for (const { reason } of notReached) {
      assert.equal(reason, `the shim at "${shim}" cannot be read: EACCES`);
    }
    const { error } = await bound({ VMFORK_SHIM: shim });
    assert.equal(error.name, "ProtectionError");
    assert.equal(error.code, "level-unavailable");
    assert.ok(error.message.includes(shim), error.message);
    assert.match(error.cause, /EACCES/);
  });
});

test("install() writes the shim, and a program can name it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vmfork-"));
  try {
    const path = install(folder);
    const { shim } = await report([], { VMFORK_SHIM: path });
    assert.equal(shim, path);
    assert.equal(install(folder), path);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("A program sees a real generation file change, and draws throw while it cannot be read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vmfork-"));
  try {
    for (const format of ["u32", "u64", "text"]) {
      const { source, draws } = JSON.parse(
        await run("generation_file.js", [], {}, [folder, format]),
      );
      assert.equal(source.path, join(folder, "generation"));
      assert.deepEqual(draws, {
        first: 0,
        same: 0,
        replaced: 1,
        overwritten: 2,
        truncated: "generation-unreadable",
        missing: "generation-unreadable",
        back: 2,
      });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("Worker threads each have a generator of their own, and may be ended while they draw", async () => {
  const { sameLevel, different } = await report([], {}, "workers.js");
  assert.equal(sameLevel, true);
  assert.equal(different, 5);
});

test("Worker threads and the process may be ended while they wait for a fork", async () => {
  assert.equal(await run("waits.js", []), "ended\n");
});

test("Watching does not keep the process alive", async () => {
  assert.equal(await run("watches.js", []), "32 false\n");
});

test("Worker threads are quiesced, and a busy one is reported", async () => {
  const { late, again, drawn, alone } = await report([], {}, "quiesces.js");
  assert.deepEqual({ late, again, drawn, alone }, {
    late: 1,
    again: 0,
    drawn: 3,
    alone: true,
  });
});
