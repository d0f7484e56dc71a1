import assert from "node:assert/strict";
import { test } from "node:test";
import { install } from "../../ffi/install.ts";
import { flagsFor } from "../../ffi/mod.ts";
import { runDeno } from "./run_deno.ts";

const GUARDIAN = "../../ffi/guardian.ts";

test("The guardian names what it takes, and ends with status 1, without rights", async () => {
  const { code, stderr, stdout, used } = await runDeno(GUARDIAN, []);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^Cannot guard as there is no shim: .*--allow-ffi=/);
  assert.deepEqual(used, []);
});

/** Ends it by SIGTERM as soon as it has said something. */
async function runUntilItGuards(flags: readonly string[], path: string) {
  const program = new URL(GUARDIAN, import.meta.url).pathname;
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...flags, program, path],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  let stdout = "";
  for await (const bytes of child.stdout) {
    if (stdout === "") child.kill("SIGTERM");
    stdout += new TextDecoder().decode(bytes);
  }
  const { code } = await child.status;
  return { code, stdout, stderr: await stderr };
}

test("The guardian runs with a folder's two flags and nothing else", async () => {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  try {
    const path = install(folder);
    const flags = flagsFor(folder).split(" ");
    const { stdout, stderr, code } = await runUntilItGuards(flags, path);
    // The machine of the tests may lack a source, or root: then it got as far as to look for one.
    if (code === 1) {
      assert.match(stderr, /^Cannot guard as (nothing here shows|the kernel)/);
    } else {
      assert.match(stdout, /^guarding by .*\nhealed the kernel, seen by start/);
      assert.match(stdout, /\nended\n$/);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("The guardian prints its usage for what it does not know", async () => {
  for (const args of [["--help"], ["a", "b"]]) {
    const { code, stderr } = await runDeno(GUARDIAN, [], args);
    assert.equal(code, 2);
    assert.match(stderr, /^usage: /);
  }
});
