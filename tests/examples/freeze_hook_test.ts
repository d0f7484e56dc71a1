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
      hook: async (what, tries = 50) => {
        const { code } = await new Deno.Command("sh", {
          args: [HOOK.pathname, what],
          env: { VMFORK_QUIESCE: folder, VMFORK_QUIESCE_TRIES: `${tries}` },
          stdin: "null",
          stderr: "null",
        }).output();
        return code;
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
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
