/**
 * Builds and runs the C tests of the shim: under AddressSanitizer and UBSan, with many threads under ThreadSanitizer,
 * and against the library, as shipped and as built afresh.
 *
 * ```sh
 * deno run -A tests/ffi/shim/run.ts [--qemu] [--coverage]
 * ```
 *
 * `--qemu` runs them as aarch64 programs too, without sanitizers. `--coverage` tells the lines of `vmfork.c` and its parts reached.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { SHIM_FILES } from "../../../ffi/shim/embedded.ts";
import { buildAll } from "../../../scripts/build_shim.ts";

/** How a test program is compiled and started. */
interface Build {
  name: string;
  compiler: string;
  flags: readonly string[];
  starter: readonly string[];
  library: keyof typeof SHIM_FILES;
}

const FOLDER: string = fileURLToPath(new URL(".", import.meta.url));
const COMMON: readonly string[] = [
  "-std=gnu11",
  "-g",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-I.",
];

const HOST: Build = {
  name: "plain",
  compiler: "gcc",
  flags: ["-O2"],
  starter: [],
  library: Deno.build.arch,
};

const ADDRESS: Build = {
  ...HOST,
  name: "address, undefined",
  flags: [
    "-O1",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
  ],
};

const THREAD: Build = {
  ...HOST,
  name: "thread",
  flags: ["-O1", "-fsanitize=thread"],
};

const QEMU: Build = {
  name: "qemu-aarch64",
  compiler: "aarch64-linux-gnu-gcc",
  flags: ["-O2"],
  starter: ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
  library: "aarch64",
};

const COVERAGE: Build = {
  ...HOST,
  name: "coverage",
  flags: ["-O0", "--coverage", "-fprofile-update=atomic"],
};

/** The tests on the fake system; `sys` and `library` are on the real one. */
const FAKED: readonly string[] = [
  "random",
  "discovery",
  "vmclock",
  "sources",
  "realms",
  "healing",
  "wait",
  "threads",
];

const SUITES: readonly (readonly [Build, readonly string[]])[] = [
  [ADDRESS, [...FAKED, "sys"]],
  [THREAD, ["vmclock", "realms", "wait", "threads"]],
  [HOST, ["threads", "library"]],
];

const QEMU_SUITE: readonly [Build, readonly string[]] = [QEMU, [
  ...FAKED,
  "sys",
  "library",
]];

/** Runs a command in this folder; returns its output, or throws. */
async function run(
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const [program = "", ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: FOLDER,
    env,
  }).output();
  const [output, errors] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  if (code !== 0) {
    throw new Error(
      `Cannot pass ${command.join(" ")}: status ${code}\n${output}${errors}`,
    );
  }
  return `${output}${errors}`;
}

/** Compiles one source without libc's headers, as the shim itself is. */
async function compileFreestanding(
  build: Build,
  source: string,
  folder: string,
): Promise<string> {
  const object = `${folder}/${source}.o`;
  await run([
    build.compiler,
    ...COMMON,
    ...build.flags,
    "-ffreestanding",
    "-c",
    `${source}.c`,
    "-o",
    object,
  ]);
  return object;
}

async function compileTest(
  build: Build,
  test: string,
  folder: string,
): Promise<string> {
  const program = `${folder}/${test}_test`;
  const parts = ["fake_sys.c", "harness.c"];
  if (test === "sys") {
    parts.push(await compileFreestanding(build, "sys_test", folder));
  } else parts.push(`${test}_test.c`);
  if (FAKED.includes(test)) {
    parts.push("machine.c");
    parts.push(await compileFreestanding(build, "shim_under_test", folder));
  }
  await run([
    build.compiler,
    ...COMMON,
    ...build.flags,
    ...parts,
    "-o",
    program,
    "-lpthread",
  ]);
  return program;
}

/** The library as shipped, and as this machine's compiler builds it now. */
async function writeLibraries(
  build: Build,
  folder: string,
): Promise<Record<string, string>> {
  const shipped = `${folder}/shipped.so`;
  const fresh = `${folder}/fresh.so`;
  const { base64 } = SHIM_FILES[build.library];
  await Deno.writeFile(shipped, Uint8Array.fromBase64(base64));
  await Deno.writeFile(fresh, (await buildAll())[build.library].bytes);
  return { shipped, fresh };
}

async function runTest(
  build: Build,
  test: string,
  folder: string,
): Promise<void> {
  const program = await compileTest(build, test, folder);
  const say = (what: string, output: string): void =>
    console.log(`${test} (${what}):\n${output.trimEnd()}`);
  if (test !== "library") {
    return say(build.name, await run([...build.starter, program], {}));
  }
  const libraries = await writeLibraries(build, folder);
  for (const [which, VMFORK_LIBRARY] of Object.entries(libraries)) {
    const output = await run([...build.starter, program], { VMFORK_LIBRARY });
    say(`${build.name}, ${which}`, output);
  }
}

async function runSuite(build: Build, tests: readonly string[]): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-tests-" });
  try {
    for (const test of tests) await runTest(build, test, folder);
    if (build === COVERAGE) {
      console.log(
        await run([
          "gcov",
          "-n",
          "-r",
          "-s",
          FOLDER,
          "-o",
          folder,
          "shim_under_test.c",
        ]),
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { qemu: { type: "boolean" }, coverage: { type: "boolean" } },
  });
  const suites = [...SUITES];
  if (values.qemu) suites.push(QEMU_SUITE);
  if (values.coverage) suites.push([COVERAGE, FAKED]);
  for (const [build, tests] of suites) await runSuite(build, tests);
}

if (import.meta.main) await main();
