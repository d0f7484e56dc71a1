import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { test } from "node:test";
import { install } from "../../ffi/install.ts";
import { flagsFor } from "../../ffi/mod.ts";
import { shimBytes, shimFile } from "../../ffi/shim/load.ts";
import { BOUND_BY_MODES, type Run, runDeno } from "./run_deno.ts";

// Each test runs a program in a process of its own, with exactly the flags it names. The shim is real; what
// level it reaches depends on the machine, so that the tests ask for at least `kernel`.

/** Runs a test with the shim installed in a folder of its own. */
async function withShim(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  try {
    await body(install(folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const LEVELS = ["kernel", "hedged", "memory"];

test("Importing every entry point uses no permission", async () => {
  const { stdout, used } = await runDeno("import_program.ts", []);
  assert.equal(stdout, "imported\n");
  assert.deepEqual(used, []);
});

test("A program with the two scoped flags draws, and uses nothing but that one file", async () => {
  await withShim(async (path) => {
    const { stdout, used } = await runDeno(
      "report_program.ts",
      flagsFor(path).split(" "),
      [path],
    );
    const { level, shim, drawn } = JSON.parse(stdout);
    assert.ok(LEVELS.includes(level));
    assert.equal(shim, path);
    assert.equal(drawn, 32);
    assert.deepEqual([...new Set(used)].sort(), [
      `ffi ${path}`,
      `read ${path}`,
    ]);
  });
});

test("A program names its shim by the variable, if env is granted", async () => {
  await withShim(async (path) => {
    const { stdout } = await runDeno(
      "report_program.ts",
      [...flagsFor(path).split(" "), "--allow-env=VMFORK_SHIM"],
      [],
      { VMFORK_SHIM: path },
    );
    assert.equal(JSON.parse(stdout).shim, path);
  });
});

test("A program that revokes its permissions after the first draw goes on", async () => {
  await withShim(async (path) => {
    const { stdout, stderr } = await runDeno(
      "revoke_program.ts",
      flagsFor(path).split(" "),
      [path],
    );
    assert.deepEqual(JSON.parse(stdout || stderr), {
      drawn: 5001,
      state: "prompt",
    });
  });
});

test("A program without flags gets a ProtectionError that names them", async () => {
  const { stdout, used } = await runDeno("report_program.ts", []);
  const { error, level } = JSON.parse(stdout);
  assert.equal(level, "none");
  assert.equal(error.name, "ProtectionError");
  assert.equal(error.code, "permission-denied");
  assert.equal(error.remedy, "permit");
  const file = `/usr/local/lib/vmfork/${shimFile()!.name}`;
  for (
    const flag of [
      ...flagsFor(file).split(" "),
      "--allow-ffi",
      "--allow-read=/dev/urandom",
    ]
  ) {
    assert.ok(error.message.includes(flag), flag);
  }
  assert.deepEqual(used, []);
});

test("A program with one of the two flags gets an error that names both", async () => {
  await withShim(async (path) => {
    for (const flag of flagsFor(path).split(" ")) {
      const { stdout } = await runDeno("report_program.ts", [flag], [path]);
      const { error } = JSON.parse(stdout);
      assert.equal(error.code, "permission-denied");
      assert.ok(error.message.includes(flagsFor(path)));
    }
  });
});

test("A program with unscoped FFI loads the shim from memory, and writes nothing", async () => {
  const { stdout, used } = await runDeno("report_program.ts", ["--allow-ffi"]);
  const { level, shim } = JSON.parse(stdout);
  assert.equal(shim, "memfd");
  assert.ok(LEVELS.includes(level));
  assert.ok(used.every((use) => use.startsWith("ffi ")), used.join());
});

test("A program with /dev/urandom alone draws at kernel, from that file alone", async () => {
  const { stdout, used } = await runDeno("report_program.ts", [
    "--allow-read=/dev/urandom",
  ]);
  const { level, shim, drawn } = JSON.parse(stdout);
  assert.deepEqual({ level, shim, drawn }, {
    level: "kernel",
    shim: undefined,
    drawn: 32,
  });
  assert.deepEqual([...new Set(used)], ["read /dev/urandom"]);
});

test("A shim that was named and is missing, or is another file, is an error", async () => {
  await withShim(async (path) => {
    const other = `${path}.other`;
    await Deno.writeTextFile(other, "not a library");
    for (const wrong of [other, `${path}.missing`]) {
      const { stdout } = await runDeno(
        "report_program.ts",
        flagsFor(wrong).split(" "),
        [wrong],
      );
      const { error } = JSON.parse(stdout);
      assert.equal(error.name, "ProtectionError");
      assert.ok(error.message.includes(wrong));
    }
  });
});

test("A shim that was named and that the file system does not let be read is an error with its cause", async () => {
  await withShim(async (path) => {
    await Deno.chmod(path, 0);
    const { stdout } = await runDeno(
      "report_program.ts",
      [...flagsFor(path).split(" "), "--allow-read=/dev/urandom"],
      [path],
      {},
      BOUND_BY_MODES,
    );
    const { error } = JSON.parse(stdout);
    assert.equal(error.name, "ProtectionError");
    assert.equal(error.code, "level-unavailable");
    assert.ok(error.message.includes(path));
    assert.match(error.cause, /^PermissionDenied: /);
  });
});

/**
 * Runs a test with a copy of the library that has a shim where it looks first, beside its own code, and that nobody
 * may read.
 */
async function withUnreadable(
  body: (
    path: string,
    report: (flags: string) => Promise<Run>,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  try {
    const program = "tests/permissions/report_program.ts";
    for (const part of ["mod.ts", "crng", "ffi", program]) {
      const from = new URL(`../../${part}`, import.meta.url);
      cpSync(from, `${folder}/${part}`, { recursive: true });
    }
    const file = shimFile()!;
    const path = `${folder}/ffi/shim/${file.name}`;
    await Deno.writeFile(path, shimBytes(file), { mode: 0 });
    const report = (flags: string): Promise<Run> =>
      runDeno(`${folder}/${program}`, flags.split(" "), [], {}, BOUND_BY_MODES);
    await body(path, report);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test("An installed shim that the file system does not let be read is passed over, and the report says so", async () => {
  await withUnreadable(async (path, report) => {
    const scoped = flagsFor(path);
    const { level, shim, drawn, notReached } = JSON.parse(
      (await report(`${scoped} --allow-read=/dev/urandom`)).stdout,
    );
    assert.deepEqual({ level, shim, drawn }, {
      level: "kernel",
      shim: undefined,
      drawn: 32,
    });
    assert.equal(notReached.length, 2);
    for (const { reason, remedy } of notReached) {
      assert.ok(reason.includes(path), reason);
      assert.match(reason, /EACCES/);
      assert.match(remedy, /read/);
    }
  });
});

test("A program that is left with nothing by a shim that cannot be read gets an error that says so", async () => {
  await withUnreadable(async (path, report) => {
    const { error } = JSON.parse((await report(flagsFor(path))).stdout);
    assert.equal(error.name, "ProtectionError");
    assert.equal(error.code, "permission-denied");
    assert.ok(error.message.includes(`"${path}" cannot be read: EACCES`));
  });
});

test("A program whose installed shim cannot be read loads the one from memory where it may", async () => {
  await withUnreadable(async (path, report) => {
    const { stdout } = await report(`--allow-ffi --allow-read=${path}`);
    const { shim, notReached } = JSON.parse(stdout);
    assert.equal(shim, "memfd");
    assert.ok(!JSON.stringify(notReached).includes(path));
  });
});

test("A shim that is named without a folder is the one in this folder, not in the system's", async () => {
  await withShim(async (path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const { stdout } = await runDeno("report_program.ts", [
      "--allow-ffi",
      "--allow-read",
    ], [name]);
    assert.match(JSON.parse(stdout).error.cause, /No such file/); // it is not in the tests' folder
  });
});

test("A program whose FFI is granted with an exception falls to what is left", async () => {
  const { stdout } = await runDeno("report_program.ts", [
    "--allow-ffi",
    "--deny-ffi=libc.so.6",
    "--allow-read=/dev/urandom",
  ]);
  assert.equal(JSON.parse(stdout).level, "kernel");
});

test("Workers each have a generator of their own, and may be ended while they draw", async () => {
  const { stdout, stderr, code } = await runDeno("workers_program.ts", [
    "--allow-all", // to count the open memory files
  ]);
  assert.equal(code, 0, stderr);
  const { levels, different, memoryFiles } = JSON.parse(stdout);
  assert.equal(levels.length, 1);
  assert.equal(different, 6);
  assert.equal(memoryFiles, 1); // one shim, and so one count, for the whole process
});

test("Workers that load the embedded shim at the same moment do so one after another, and share one", async () => {
  const { stdout, stderr, code } = await runDeno("memfd_program.ts", [
    "--allow-all", // to hold the lock, and to count the open memory files
  ]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    loaded: 12,
    inSpiteOfLock: 0,
    memoryFiles: 1,
  });
  // Nobody else can take that lock.
  assert.equal((await Deno.stat("/proc/self/fd")).mode! & 0o777, 0o500);
});

test("A process with two copies of the shim is not said to be quiesced: the realms of one do not reach the other's", async () => {
  await withShim(async (path) => {
    const { stdout, stderr } = await runDeno(
      "copies_program.ts",
      ["--allow-all"], // for a Worker's module
      [path],
    );
    assert.equal(stderr, "");
    assert.deepEqual(JSON.parse(stdout), {
      alone: { complete: true, notWiped: 0 },
      beside: { complete: false, notWiped: 1 },
      again: { complete: true, notWiped: 0 },
    });
  });
});

/** Runs a program on a terminal, where Deno would ask if anything requested a permission. */
async function onTerminal(
  program: string,
  flags: string,
  args: string,
): Promise<string> {
  const path = new URL(program, import.meta.url).pathname;
  const command =
    `NO_COLOR=1 ${Deno.execPath()} run --quiet ${flags} ${path} ${args}`;
  const { stdout } = await new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  return new TextDecoder().decode(stdout);
}

test("No program is ever asked for a permission, whatever it has, not even on a terminal", async () => {
  await withShim(async (path) => {
    const [ffi, read] = flagsFor(path).split(" ");
    for (
      const flags of [
        "",
        ffi,
        read,
        `${ffi} ${read}`,
        "--allow-ffi",
        "--allow-read",
        "--allow-read=/dev/urandom",
        "--allow-env=VMFORK_SHIM",
        "--allow-ffi --deny-ffi=libc.so.6",
      ]
    ) {
      for (const named of ["", path]) {
        const output = await onTerminal("report_program.ts", flags!, named);
        assert.match(output, /"drawn"|"error"/, flags);
        assert.doesNotMatch(output, /Deno requests/, flags);
      }
    }
  });
});

test("The installer is never asked for a permission, not even where a link leads elsewhere", async () => {
  await withShim(async (path) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    await Deno.mkdir(`${folder}/real`);
    await Deno.symlink(`${folder}/real`, `${folder}/link`);
    const flags = `--allow-read --allow-sys=uid --allow-write=${folder}/link`;
    const output = await onTerminal(
      "../../ffi/install.ts",
      flags,
      `${folder}/link`,
    );
    assert.doesNotMatch(output, /Deno requests/);
    assert.ok(output.includes(`--allow-write=${folder}/real`), output);
  });
});
