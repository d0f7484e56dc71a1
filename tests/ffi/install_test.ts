import assert from "node:assert/strict";
import { test } from "node:test";
import { install, InstallError } from "../../ffi/install.ts";
import { writableByOthers } from "../../ffi/shim/folders.ts";
import { shimBytes, shimFile } from "../../ffi/shim/load.ts";
import { runDeno } from "../permissions/run_deno.ts";

const FILE = shimFile()!;

async function inFolder(
  body: (folder: string) => Promise<void> | void,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const modeOf = (path: string): number => Deno.lstatSync(path).mode! & 0o777;
const refused = (pattern: RegExp) => (error: unknown): boolean =>
  error instanceof InstallError && pattern.test(error.message);

test("install() writes the embedded bytes under their name, mode 0555, and nothing else", async () => {
  await inFolder((folder) => {
    const path = install(folder);
    assert.equal(path, `${Deno.realPathSync(folder)}/${FILE.name}`);
    assert.deepEqual(Deno.readFileSync(path), shimBytes(FILE));
    assert.equal(modeOf(path), 0o555);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [
      FILE.name,
    ]);
  });
});

test("install() makes the folder, and leaves an installed shim alone", async () => {
  await inFolder((folder) => {
    const path = install(`${folder}/a/b`);
    const { ino } = Deno.lstatSync(path);
    assert.equal(install(`${folder}/a/b`), path);
    assert.equal(Deno.lstatSync(path).ino, ino);
    assert.equal(modeOf(`${folder}/a/b`), 0o755);
  });
});

function underUmask<T>(umask: number, action: () => T): T {
  const before = Deno.umask(umask);
  try {
    return action();
  } finally {
    Deno.umask(before);
  }
}

test("install() gives the folders that it makes their mode whatever the umask, and leaves others as they are", async () => {
  await inFolder((folder) => {
    for (const [umask, name] of [[0o077, "strict"], [0, "lax"]] as const) {
      const path = underUmask(umask, () => install(`${folder}/${name}/lib`));
      assert.equal(modeOf(`${folder}/${name}`), 0o755);
      assert.equal(modeOf(`${folder}/${name}/lib`), 0o755);
      assert.equal(modeOf(path), 0o555);
    }
    assert.equal(modeOf(folder), 0o700); // as it was made
  });
});

test("install() makes its way through a path with dots in it", async () => {
  await inFolder((folder) => {
    const path = install(`${folder}/a//../b/`);
    assert.equal(path, `${Deno.realPathSync(folder)}/b/${FILE.name}`);
    assert.equal(modeOf(`${folder}/b`), 0o755);
  });
});

test("install() replaces a file of that name that is not the shim, by a new file", async () => {
  await inFolder((folder) => {
    const path = `${folder}/${FILE.name}`;
    Deno.writeTextFileSync(path, "something else");
    const { ino } = Deno.lstatSync(path);
    install(folder);
    assert.deepEqual(Deno.readFileSync(path), shimBytes(FILE));
    assert.notEqual(Deno.lstatSync(path).ino, ino);
  });
});

test("install() replaces a link of that name, and leaves what it points at alone", async () => {
  await inFolder((folder) => {
    const target = `${folder}/target`;
    Deno.writeFileSync(target, shimBytes(FILE), { mode: 0o555 });
    Deno.mkdirSync(`${folder}/lib`);
    Deno.symlinkSync(target, `${folder}/lib/${FILE.name}`);
    const path = install(`${folder}/lib`);
    assert.ok(Deno.lstatSync(path).isFile);
  });
});

test("install() refuses a folder that others can write to, and one below such a folder", async () => {
  await inFolder((folder) => {
    Deno.mkdirSync(`${folder}/open/lib`, { recursive: true });
    Deno.chmodSync(`${folder}/open`, 0o777);
    assert.throws(() => install(`${folder}/open`), refused(/others can write/));
    assert.throws(
      () => install(`${folder}/open/lib`),
      refused(/others can write/),
    );
    Deno.chmodSync(`${folder}/open`, 0o775);
    assert.throws(() => install(`${folder}/open/lib`), refused(/mode is 0775/));
    Deno.chmodSync(`${folder}/open`, 0o1777); // sticky: fine above, not for the folder itself
    assert.ok(install(`${folder}/open/lib`));
    assert.throws(() => install(`${folder}/open`), refused(/others can write/));
  });
});

test("install() looks at the real folder behind a link", async () => {
  await inFolder((folder) => {
    Deno.mkdirSync(`${folder}/open`);
    Deno.chmodSync(`${folder}/open`, 0o777);
    Deno.symlinkSync(`${folder}/open`, `${folder}/link`);
    assert.throws(() => install(`${folder}/link`), refused(/others can write/));
  });
});

test("A folder that belongs to another user is a problem, whoever asks", async () => {
  await inFolder((folder) => {
    const lib = Deno.realPathSync(folder);
    assert.equal(writableByOthers(lib, Deno.uid()!), undefined);
    // Root can give the folder away; anyone else can ask as somebody else.
    if (Deno.uid() === 0) Deno.chownSync(lib, 65534, 65534);
    const asker = Deno.uid() === 0 ? 0 : Deno.uid()! + 1;
    assert.match(writableByOthers(lib, asker)!, /belongs to another user/);
  });
});

test("install() leaves nothing behind when the shim cannot be written or put in its place", async () => {
  await inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    assert.throws(() => install(`${folder}/file`), InstallError);
    Deno.mkdirSync(`${folder}/lib/${FILE.name}`, { recursive: true });
    assert.throws(() => install(`${folder}/lib`), InstallError); // rename onto a folder fails
    assert.deepEqual(
      [...Deno.readDirSync(`${folder}/lib`)].map(({ name }) => name),
      [FILE.name],
    );
  });
});

test("install() leaves nothing behind when there is no room for the file", async () => {
  await inFolder(async (folder) => {
    // A limit of 2 KiB a file (4 blocks of 512 bytes), and its signal ignored: the write fails half-way.
    const installer = new URL("../../ffi/install.ts", import.meta.url).pathname;
    const { code, stderr } = await new Deno.Command("sh", {
      args: [
        "-c",
        'trap "" XFSZ; ulimit -f 4; exec "$@"',
        "sh",
        Deno.execPath(),
        "run",
        "--quiet",
        "--allow-all",
        installer,
        folder,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 1);
    assert.match(
      new TextDecoder().decode(stderr),
      /Cannot install to .*File too large/s,
    );
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});

test("The installer prints the flags to run a program with", async () => {
  await inFolder(async (folder) => {
    const flags = [
      "--allow-read",
      `--allow-write=${folder}`,
      "--allow-sys=uid",
    ];
    const { stdout, code } = await runDeno("../../ffi/install.ts", flags, [
      folder,
    ]);
    const path = `${Deno.realPathSync(folder)}/${FILE.name}`;
    assert.equal(code, 0);
    assert.ok(
      stdout.includes(`deno run --allow-ffi=${path} --allow-read=${path} `),
    );
    assert.ok(stdout.includes("configure({ shim: "));
  });
});

test("The installer names its flags where one is missing, and its usage without a folder", async () => {
  await inFolder(async (folder) => {
    const missing = await runDeno("../../ffi/install.ts", ["--allow-read"], [
      folder,
    ]);
    assert.equal(missing.code, 1);
    assert.ok(
      missing.stderr.includes(`--allow-write=${folder} --allow-sys=uid`),
    );
    const below = await runDeno("../../ffi/install.ts", [
      "--allow-read",
      `--allow-write=${folder}/a/b`,
      "--allow-sys=uid",
    ], [`${folder}/a/b`]);
    assert.equal(below.code, 1);
    assert.ok(below.stderr.includes(`--allow-write=${folder}/a `)); // which it would have to make as well
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    for (const args of [[], ["--help"], [folder, folder]]) {
      const usage = await runDeno("../../ffi/install.ts", [], args);
      assert.equal(usage.code, 2);
      assert.match(usage.stderr, /^usage: /);
    }
  });
});
