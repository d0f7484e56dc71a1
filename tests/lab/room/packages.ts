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

const APT = `${CACHE}/apt`;
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
  await refresh();
  await step(`${set.title} from Debian (${set.suite})`, async () => {
    const wanted = await resolve(set);
    const fresh = `${folder}.new`;
    const debs = `${folder}.debs`;
    for (const path of [fresh, debs, folder]) remove(path);
    Deno.mkdirSync(fresh, { recursive: true });
    Deno.mkdirSync(debs);
    await apt("apt-get", ["download", ...wanted], debs);
    for (const { name } of Deno.readDirSync(debs)) {
      await run(["dpkg-deb", "-x", `${debs}/${name}`, fresh]);
    }
    remove(debs);
    Deno.renameSync(fresh, folder);
    Deno.writeTextFileSync(stamp, wanted.join("\n") + "\n");
  });
}

let refreshed: Promise<void> | undefined;

function refresh(): Promise<void> {
  return refreshed ??= step("reading Debian's package lists", async () => {
    const keyring = KEYRINGS.find(exists);
    if (keyring === undefined) {
      throw new PrerequisiteError(
        `No ${KEYRINGS[0]}: install the package "debian-archive-keyring"`,
      );
    }
    const mirror = await findMirror();
    Deno.mkdirSync(`${APT}/lists/partial`, { recursive: true });
    Deno.mkdirSync(`${APT}/cache/archives/partial`, { recursive: true });
    Deno.writeTextFileSync(`${APT}/status`, "");
    Deno.writeTextFileSync(
      `${APT}/sources.list`,
      SUITES.map((suite) =>
        `deb [arch=amd64 signed-by=${keyring}] ${mirror} ${suite} main\n`
      ).join(""),
    );
    await apt("apt-get", ["update"]);
  });
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
  const plan = await apt("apt-get", [
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

function apt(tool: string, args: string[], cwd: string = APT): Promise<string> {
  const settings: Record<string, string> = {
    "APT::Architecture": "amd64",
    "APT::Architectures::": "amd64",
    "APT::Sandbox::User": "",
    "APT::Update::Error-Mode": "any",
    "Acquire::Languages": "none",
    // A private state does not keep apt from installing into the real system:
    // dpkg would. So this apt has no dpkg.
    "Dir::Bin::dpkg": "/bin/false",
    "Dir::Cache": `${APT}/cache`,
    "Dir::Etc::sourcelist": `${APT}/sources.list`,
    "Dir::Etc::sourceparts": "-",
    "Dir::Etc::preferences": "-",
    "Dir::Etc::preferencesparts": "-",
    "Dir::State": APT,
    "Dir::State::status": `${APT}/status`,
  };
  const options = Object.entries(settings).map(([key, value]) =>
    `--option=${key}=${value}`
  );
  return run([tool, ...options, ...args], {
    cwd,
    env: { LC_ALL: "C" },
  });
}
