/**
 * Debian packages for the lab, without touching the system's own.
 *
 * apt runs with a private state, so that suites which the system does not use
 * can be read and nothing gets installed. It checks every signature against
 * Debian's keyring. Packages are unpacked into folders of the cache.
 */

import { remove } from "./cleanup.ts";
import { run } from "./command.ts";
import { PrerequisiteError } from "./errors.ts";
import { withCacheLock } from "./lock.ts";
import { CACHE, exists } from "./paths.ts";
import { step } from "./progress.ts";

/** Debian's names of the processors that the lab has programs for. */
export type Architecture = "amd64" | "arm64";

const SUITES = ["bookworm", "bookworm-backports", "trixie-backports"];
const KEYRINGS = ["gpg", "pgp"].map((ending) =>
  `/usr/share/keyrings/debian-archive-keyring.${ending}`
);

/** What to unpack, and from where. */
export interface PackageSet {
  /** Folder in the cache that receives the files. */
  readonly folder: string;
  /** Said on the progress line. */
  readonly title: string;
  /** Preferred over the other suites. */
  readonly suite: string;
  /** The processor that they are for. @default {"amd64"} */
  readonly architecture?: Architecture;
  /** Asked for by name; what they depend on comes along. */
  readonly names: readonly string[];
  /** Of all that would be installed, unpack only these. */
  readonly only?: { test(name: string): boolean };
}

/** Unpacks a set of packages, once, and returns the folder. */
export async function unpack(set: PackageSet): Promise<string> {
  const folder = `${CACHE}/${set.folder}`;
  const stamp = `${folder}.packages`;
  if (!exists(stamp)) {
    await withCacheLock(async () => {
      if (!exists(stamp)) await download(set, folder, stamp);
    });
  }
  return folder;
}

async function download(
  set: PackageSet,
  folder: string,
  stamp: string,
): Promise<void> {
  const { architecture = "amd64" } = set;
  await refresh(architecture);
  await step(`${set.title} from Debian (${set.suite})`, async () => {
    const wanted = await resolve(set);
    const fresh = `${folder}.new`;
    const debs = `${folder}.debs`;
    for (const path of [fresh, debs, folder]) remove(path);
    Deno.mkdirSync(fresh, { recursive: true });
    Deno.mkdirSync(debs);
    await apt(architecture, ["download", ...wanted], debs);
    for (const { name } of Deno.readDirSync(debs)) {
      await run(["dpkg-deb", "-x", `${debs}/${name}`, fresh]);
    }
    remove(debs);
    Deno.renameSync(fresh, folder);
    Deno.writeTextFileSync(stamp, wanted.join("\n") + "\n");
  });
}

const refreshed = new Map<Architecture, Promise<void>>();

function refresh(architecture: Architecture): Promise<void> {
  const known = refreshed.get(architecture);
  if (known !== undefined) return known;
  const title = `reading Debian's package lists (${architecture})`;
  const read = step(title, () => readLists(architecture));
  refreshed.set(architecture, read);
  return read;
}

async function readLists(architecture: Architecture): Promise<void> {
  const state = stateOf(architecture);
  const keyring = KEYRINGS.find(exists);
  if (keyring === undefined) {
    throw new PrerequisiteError(
      `No ${KEYRINGS[0]}: install the package "debian-archive-keyring"`,
    );
  }
  const mirror = await findMirror();
  Deno.mkdirSync(`${state}/lists/partial`, { recursive: true });
  Deno.mkdirSync(`${state}/cache/archives/partial`, { recursive: true });
  Deno.writeTextFileSync(`${state}/status`, "");
  Deno.writeTextFileSync(
    `${state}/sources.list`,
    SUITES.map((suite) =>
      `deb [arch=${architecture} signed-by=${keyring}] ${mirror} ${suite} main\n`
    ).join(""),
  );
  await apt(architecture, ["update"]);
}

/** The archive that the system's own apt uses for its Debian suites. */
async function findMirror(): Promise<string> {
  const told = Deno.env.get("LAB_MIRROR");
  if (told !== undefined) return told;
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  const targets = await run(["apt-get", "indextargets", "--format", format]);
  const debian =
    /^(\S+) (bookworm|trixie|forky|sid|(?:old)*stable|testing) main$/m;
  const mirror = debian.exec(targets)?.[1];
  if (mirror !== undefined) return mirror;
  throw new PrerequisiteError(
    "The system's apt knows no Debian archive: name one in LAB_MIRROR",
  );
}

/** Every package to unpack, as `name=version`. */
async function resolve(set: PackageSet): Promise<string[]> {
  const plan = await apt(set.architecture ?? "amd64", [
    "install",
    "--simulate",
    "--no-install-recommends",
    `--target-release=${set.suite}`,
    ...set.names,
  ]);
  return [...plan.matchAll(/^Inst (\S+) \((\S+) /gm)]
    .filter(([, name = ""]) => set.only?.test(name) ?? true)
    .map(([, name, version]) => `${name}=${version}`);
}

/** Each architecture has its own, so that packages of one are never mixed up with those of another. */
function stateOf(architecture: Architecture): string {
  return architecture === "amd64"
    ? `${CACHE}/apt`
    : `${CACHE}/apt-${architecture}`;
}

function apt(
  architecture: Architecture,
  args: string[],
  cwd: string = stateOf(architecture),
): Promise<string> {
  const state = stateOf(architecture);
  const settings: Record<string, string> = {
    "APT::Architecture": architecture,
    "APT::Architectures::": architecture,
    "APT::Sandbox::User": "",
    "APT::Update::Error-Mode": "any",
    "Acquire::Languages": "none",
    // A private state does not keep apt from installing into the real system:
    // dpkg would. So this apt has no dpkg.
    "Dir::Bin::dpkg": "/bin/false",
    "Dir::Cache": `${state}/cache`,
    "Dir::Etc::sourcelist": `${state}/sources.list`,
    "Dir::Etc::sourceparts": "-",
    "Dir::Etc::preferences": "-",
    "Dir::Etc::preferencesparts": "-",
    "Dir::State": state,
    "Dir::State::status": `${state}/status`,
  };
  const options = Object.entries(settings).map(([key, value]) =>
    `--option=${key}=${value}`
  );
  return run(["apt-get", ...options, ...args], {
    cwd,
    env: { LC_ALL: "C" },
  });
}
