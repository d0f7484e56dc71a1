import assert from "node:assert/strict";
import { test } from "node:test";
import { install } from "../../ffi/install.ts";
import { flagsFor } from "../../ffi/mod.ts";

const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const SERVICE = new URL("../../examples/quiesce/service.ts", import.meta.url);
const HOOK = new URL("../../examples/quiesce/freeze-hook", import.meta.url);
const TIMEOUT_MS = 20_000;

interface Service {
  readonly process: Deno.ChildProcess;
  /** Runs the hook as QEMU's guest agent does; its status. */
  hook(what: string, tries?: number): Promise<number>;
  /** Waits until the service has told a state. */
  until(state: string): Promise<void>;
}

async function withService(
  body: (service: Service) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  const shim = install(folder);
  await using process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", `--config=${CONFIG}`],
      ...flagsFor(shim).split(" "),
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
      SERVICE.pathname,
      ...[shim, folder],
    ],
    stdin: "null",
  }).spawn();
  const until = async (file: string, text: string): Promise<void> => {
    const end = performance.now() + TIMEOUT_MS;
    while (!read(`${folder}/${file}`).startsWith(text)) {
      assert.ok(performance.now() < end, `no "${text}" in ${file}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  try {
    await until("pid", `${process.pid}\n`);
    await body({
      process,
      until: (state) => until("state", state),
      hook: async (what, tries) =>
        (await runHook(HOOK.pathname, folder, what, { tries })).code,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runHook(
  hook: string,
  folder: string,
  what: string,
  { tries = 50, env = {} }: {
    readonly tries?: number | undefined;
    readonly env?: Record<string, string>;
  } = {},
): Promise<{ readonly code: number; readonly said: string }> {
  const { code, stderr } = await new Deno.Command("sh", {
    args: [hook, what],
    env: { ...env, VMFORK_QUIESCE: folder, VMFORK_QUIESCE_TRIES: `${tries}` },
    stdin: "null",
  }).output();
  return { code, said: new TextDecoder().decode(stderr) };
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

test("The freeze hook waits until the program is quiesced, and a thaw lets it go on", async () => {
  await withService(async ({ hook, until }) => {
    for (let i = 0; i < 3; i++) {
      await until("running");
      assert.equal(await hook("freeze"), 0);
      await until("quiesced"); // it is already
      assert.equal(await hook("thaw"), 0);
    }
    await until("running");
  });
});

test("The freeze hook fails when the program does not answer in time, and the program goes on", async () => {
  await withService(async ({ hook, until, process }) => {
    process.kill("SIGSTOP");
    assert.equal(await hook("freeze", 2), 1);
    process.kill("SIGCONT");
    await until("running");
    assert.equal(await hook("freeze"), 0); // the two signals that came late do no harm
    await until("quiesced");
  });
});

test("The freeze hook lets a machine freeze whose program is not running, and knows nothing else", async () => {
  await withService(async ({ hook, process }) => {
    assert.equal(await hook("melt"), 2);
    process.kill("SIGKILL");
    await process.status;
    assert.equal(await hook("freeze"), 0);
    assert.equal(await hook("thaw"), 0);
  });
});

// What follows is about whose rights are used. Run by root, the folder is another user's; run by anyone else it is
// this user's own, and where another's is needed, root's.
const IS_ROOT = Deno.uid() === 0;
const NOBODY = 65534;
const OWNER = IS_ROOT ? NOBODY : Deno.uid()!;

interface Owned {
  /** The owner's folder. */
  readonly folder: string;
  /** One that the owner cannot write to. */
  readonly elsewhere: string;
  /** Starts a program of the owner's, or of this user, and names it to the hook. */
  start(script: string, uid?: number): Promise<Deno.ChildProcess>;
  hook(
    what: string,
    env?: Record<string, string>,
  ): Promise<{ readonly code: number; readonly said: string }>;
}

async function withOwned(body: (owned: Owned) => Promise<void>): Promise<void> {
  const elsewhere = await Deno.makeTempDir({ prefix: "vmfork-" });
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  const hook = `${folder}/freeze-hook`; // where its owner can read it, wherever the project is
  await Deno.copyFile(HOOK, hook);
  await Deno.chmod(hook, 0o755);
  if (IS_ROOT) await Deno.chown(folder, OWNER, OWNER);
  const started: Deno.ChildProcess[] = [];
  try {
    await body({
      folder,
      elsewhere,
      async start(script, uid = OWNER) {
        const process = new Deno.Command("sh", {
          args: ["-c", script],
          cwd: folder,
          ...(IS_ROOT && { uid, gid: uid }),
          stdin: "null",
          stdout: "piped",
        }).spawn();
        started.push(process);
        for await (const _ of process.stdout) break; // it has set its traps
        await Deno.writeTextFile(`${folder}/pid`, `${process.pid}\n`);
        return process;
      },
      hook: (what, env = {}) =>
        runHook(hook, folder, what, { tries: 200, env }),
    });
  } finally {
    for (const process of started) await process[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(elsewhere, { recursive: true });
  }
}

/** As service.ts does. */
const ANSWERS = `
trap 'read -r _ token <wanted; echo "quiesced $token" >state' USR1
trap 'echo running >state' USR2
echo ready
while :; do sleep 1 & wait; done`;
/** Its traps do nothing but be there; a signal without one ends it. */
const LISTENS =
  "trap : USR1 USR2; echo ready; while :; do sleep 1 & wait; done";
const DOES_NOT_LISTEN = "echo ready; exec sleep 1000";

test("The freeze hook asks the program of another user as that user", async () => {
  await withOwned(async ({ folder, start, hook }) => {
    await start(ANSWERS);
    assert.deepEqual(await hook("freeze"), { code: 0, said: "" });
    assert.match(read(`${folder}/state`), /^quiesced /);
    const { uid, mode } = Deno.statSync(`${folder}/wanted`);
    assert.deepEqual({ uid, mode: mode! & 0o777 }, { uid: OWNER, mode: 0o600 });
    assert.equal((await hook("thaw")).code, 0);
    assert.equal(read(`${folder}/wanted`), "thaw\n");
  });
});

test("The freeze hook writes to nothing that the owner of the folder could not write to", async () => {
  await withOwned(async ({ folder, elsewhere, start, hook }) => {
    const target = `${elsewhere}/target`;
    await Deno.writeTextFile(target, "untouched");
    await Deno.chmod(target, 0o400); // root would write to it all the same
    await Deno.symlink(target, `${folder}/wanted.new`);
    await start(LISTENS);
    assert.notEqual((await hook("freeze")).code, 0);
    assert.notEqual((await hook("thaw")).code, 0);
    assert.equal(read(target), "untouched");
  });
});

test("The freeze hook sends no signal that the owner of the folder could not send", async () => {
  await withOwned(async ({ folder, start, hook }) => {
    await start(ANSWERS, Deno.uid()!);
    if (IS_ROOT) {
      assert.notEqual((await hook("freeze")).code, 0);
      assert.match(read(`${folder}/wanted`), /^freeze /); // it got as far as that
    } else {
      // Another user's folder: what it would take to be that user is missing.
      assert.notEqual((await runHook(HOOK.pathname, "/usr", "freeze")).code, 0);
    }
  });
});

test("The freeze hook does nothing where it cannot become the owner of the folder", async () => {
  await withOwned(async ({ folder, elsewhere, start, hook }) => {
    await start(ANSWERS);
    const tools = "sh cat date grep id mv realpath sleep stat";
    for (const tool of tools.split(" ")) {
      const path = (Deno.env.get("PATH") ?? "").split(":")
        .map((bin) => `${bin}/${tool}`).find(isThere);
      await Deno.symlink(path!, `${elsewhere}/${tool}`);
    }
    const env = { PATH: elsewhere };
    const { code, said } = IS_ROOT
      ? await hook("freeze", env)
      : await runHook(HOOK.pathname, "/usr", "freeze", { env });
    assert.notEqual(code, 0);
    assert.match(said, /setpriv/);
    assert.equal(read(`${folder}/wanted`), "");
  });
});

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

test("The freeze hook does nothing in a folder that others can write to", async () => {
  await withOwned(async ({ folder, start, hook }) => {
    await start(ANSWERS);
    for (const mode of [0o770, 0o702, 0o1777]) {
      await Deno.chmod(folder, mode);
      const { code, said } = await hook("freeze");
      assert.equal(code, 1);
      assert.match(said, /can write to the folder/);
      assert.equal(read(`${folder}/wanted`), "");
    }
  });
});

test("The freeze hook signals nothing where the file pid holds no process id", async () => {
  await withOwned(async ({ folder, start, hook }) => {
    const { pid } = await start(ANSWERS);
    // -1 and 0 would be all processes: they are not tried, in case this test ever fails.
    for (const wrong of ["", "1", `-${pid}`, `0${pid}`, `${pid} ${pid}`, "x"]) {
      await Deno.writeTextFile(`${folder}/pid`, `${wrong}\n`);
      const { code, said } = await hook("freeze");
      assert.equal(code, 1, wrong);
      assert.match(said, /is not a process id/, wrong);
      assert.equal(read(`${folder}/wanted`), "", wrong);
    }
  });
});

test("The freeze hook does not end another program that has got the pid meanwhile", async () => {
  await withOwned(async ({ start, hook }) => {
    const process = await start(DOES_NOT_LISTEN);
    for (const what of ["freeze", "thaw"]) {
      const { code, said } = await hook(what);
      assert.equal(code, 1);
      assert.match(said, /does not listen for the signals/);
    }
    process.kill("SIGTERM");
    assert.equal((await process.status).signal, "SIGTERM");
  });
});
