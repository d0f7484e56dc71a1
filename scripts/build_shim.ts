/**
 * Builds the C shim for both architectures and records it as `ffi/shim/embedded.ts`.
 *
 * ```sh
 * deno run -A scripts/build_shim.ts [--check] [--out DIR]
 * ```
 *
 * `--check` records nothing: it builds again and fails unless the recorded bytes come out. `--out DIR` leaves the
 * fresh libraries in DIR as `vmfork-ARCH.so`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

/** An architecture that the shim is built for. */
type Arch = "x86_64" | "aarch64";

/** What one build gave. */
interface Build {
  bytes: Uint8Array<ArrayBuffer>;
  toolchain: string;
}

type Builds = Record<Arch, Build>;

/** What `embedded.ts` exports. */
interface Recorded {
  SHIM_FILES: Readonly<Record<Arch, { sha256: string }>>;
  SHIM_SOURCE: string;
  SHIM_TOOLCHAIN: Readonly<Record<Arch, string>>;
}

const SHIM_FOLDER: string = fileURLToPath(
  new URL("../ffi/shim/", import.meta.url),
);
const EMBEDDED: string = `${SHIM_FOLDER}embedded.ts`;
const UNITS: readonly string[] = ["vmfork.c", "node_api.c"];
/** All C files of the folder: the headers are parts of the units. */
const SOURCES: readonly string[] = [...Deno.readDirSync(SHIM_FOLDER)]
  .map(({ name }) => name)
  .filter((name) => /\.[ch]$/.test(name))
  .sort();
const ARCHES: readonly Arch[] = ["x86_64", "aarch64"];

const COMPILERS: Readonly<
  Record<Arch, { command: string; flags: readonly string[] }>
> = {
  x86_64: { command: "x86_64-linux-gnu-gcc", flags: ["-fcf-protection=full"] },
  aarch64: {
    command: "aarch64-linux-gnu-gcc",
    // Atomics in line: the outlined ones live in libgcc.
    flags: ["-mno-outline-atomics", "-mbranch-protection=standard"],
  },
};

const FLAGS: readonly string[] = [
  "-std=gnu11",
  "-Os",
  "-fPIC",
  // Node-API's addresses are filled in at load, null where there is none: no stubs that look them up at the first call.
  "-fno-plt",
  "-shared",
  "-nostdlib",
  "-ffreestanding",
  "-fvisibility=hidden",
  // No loop may become a call of memcpy or memset: there is no libc to answer.
  "-fno-tree-loop-distribute-patterns",
  "-fno-stack-protector",
  "-fno-asynchronous-unwind-tables",
  "-fno-unwind-tables",
  "-fno-ident",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fanalyzer",
  "-s",
  "-Wl,--build-id=none",
  "-Wl,--hash-style=sysv",
  "-Wl,-z,defs",
  // A dlclose while a call waits must not unmap the code, and a reload must not reset the count.
  "-Wl,-z,nodelete",
  "-Wl,-z,noexecstack",
  // Neither may pad the file to page boundaries: 14 KB in place of 8, and on aarch64, with its pages of 64 KiB, 132
  // KB in place of 9. What norelro leaves writable is Node-API's addresses, in a process that is full of such.
  "-Wl,-z,noseparate-code",
  "-Wl,-z,norelro",
  "-Wl,-z,common-page-size=512",
];

async function run(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: SHIM_FOLDER,
    env: { LC_ALL: "C" },
  }).output();
  if (code !== 0) {
    throw new Error(
      `Cannot run ${command}: ${new TextDecoder().decode(stderr)}`,
    );
  }
  return new TextDecoder().decode(stdout).trim();
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

async function describeToolchain(command: string): Promise<string> {
  const linker = await run(command, ["-print-prog-name=ld"]);
  const versions = await Promise.all([
    run(command, ["--version"]),
    run(linker, ["--version"]),
  ]);
  return versions.map(firstLine).join(", ");
}

async function buildArch(arch: Arch): Promise<Build> {
  const { command, flags } = COMPILERS[arch];
  const path = await Deno.makeTempFile({ suffix: ".so" });
  try {
    await run(command, [...FLAGS, ...flags, ...UNITS, "-o", path]);
    return {
      bytes: await Deno.readFile(path),
      toolchain: await describeToolchain(command),
    };
  } finally {
    await Deno.remove(path);
  }
}

/** Builds the shim for every architecture with this machine's compilers. */
export async function buildAll(): Promise<Builds> {
  return {
    x86_64: await buildArch("x86_64"),
    aarch64: await buildArch("aarch64"),
  };
}

function digest(...parts: (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** One digest over all that decides the bytes, the toolchain aside. */
async function digestSource(): Promise<string> {
  const sources = await Promise.all(
    SOURCES.map((name) => Deno.readFile(SHIM_FOLDER + name)),
  );
  return digest(...sources, JSON.stringify([FLAGS, COMPILERS]));
}

function writeEntry(arch: Arch, bytes: Uint8Array): string {
  const sha256 = digest(bytes);
  return `  ${arch}: {
    name: "libvmfork-${sha256.slice(0, 16)}.so",
    sha256: "${sha256}",
    base64: "${bytes.toBase64()}",
  },`;
}

function writeModule(builds: Builds, source: string): string {
  return `/**
 * The built C shim. Generated by \`scripts/build_shim.ts\`: do not edit.
 *
 * @module
 */

/** One built shim. */
export interface ShimFile {
  /** The file's name, which holds the start of its digest. */
  readonly name: string;
  /** The SHA-256 of its bytes, in hex. */
  readonly sha256: string;
  /** Its bytes. */
  readonly base64: string;
}

/** The shim for each architecture. */
export const SHIM_FILES: Readonly<Record<"x86_64" | "aarch64", ShimFile>> = {
${ARCHES.map((arch) => writeEntry(arch, builds[arch].bytes)).join("\n")}
};

/** The SHA-256 of the C sources and of the compiler's flags that gave these files. */
export const SHIM_SOURCE: string = "${source}";

/** The compiler and the linker that gave these files. */
export const SHIM_TOOLCHAIN: Readonly<Record<"x86_64" | "aarch64", string>> = {
${
    ARCHES.map((arch) =>
      `  ${arch}: ${JSON.stringify(builds[arch].toolchain)},`
    ).join("\n")
  }
};
`;
}

/** What is wrong with one recorded file, if anything. */
function checkArch(arch: Arch, build: Build, recorded: Recorded): string[] {
  const then = recorded.SHIM_TOOLCHAIN[arch];
  if (then !== build.toolchain) {
    console.log(
      `${arch}: cannot compare, record again to do so: recorded with ${then}, here is ${build.toolchain}`,
    );
    return [];
  }
  const sha256 = digest(build.bytes);
  if (sha256 === recorded.SHIM_FILES[arch].sha256) {
    console.log(
      `${arch}: the recorded bytes came out again, ${build.bytes.length} of them`,
    );
    return [];
  }
  return [
    `${arch}: the same toolchain gives other bytes: ${sha256}, not ${
      recorded.SHIM_FILES[arch].sha256
    }`,
  ];
}

async function check(builds: Builds, source: string): Promise<void> {
  const recorded: Recorded = await import(`file://${EMBEDDED}`);
  const problems = ARCHES.flatMap((arch) =>
    checkArch(arch, builds[arch], recorded)
  );
  if (recorded.SHIM_SOURCE !== source) {
    problems.unshift("The sources or flags have changed: record again");
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}

async function record(builds: Builds, source: string): Promise<void> {
  await Deno.writeTextFile(EMBEDDED, writeModule(builds, source));
  for (const arch of ARCHES) {
    console.log(
      `${arch}: ${builds[arch].bytes.length} bytes, ${builds[arch].toolchain}`,
    );
  }
}

async function leaveFiles(folder: string, builds: Builds): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const arch of ARCHES) {
    await Deno.writeFile(`${folder}/vmfork-${arch}.so`, builds[arch].bytes);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { check: { type: "boolean" }, out: { type: "string" } },
  });
  const [builds, source] = [await buildAll(), await digestSource()];
  if (values.out !== undefined) await leaveFiles(values.out, builds);
  if (values.check) await check(builds, source);
  else await record(builds, source);
}

if (import.meta.main) await main();
