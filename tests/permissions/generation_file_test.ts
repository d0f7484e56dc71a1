import assert from "node:assert/strict";
import { test } from "node:test";
import { install } from "../../ffi/install.ts";
import { flagsFor } from "../../ffi/mod.ts";
import { runDeno } from "./run_deno.ts";

// The real shim, in processes of their own, since a process looks for its sources once.

async function withShim(
  body: (shim: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  try {
    await body(install(`${folder}/shim`), folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test("A program sees a real generation file change, and draws throw while it cannot be read", async () => {
  await withShim(async (shim, folder) => {
    for (const format of ["u32", "u64", "text"]) {
      const { stdout, stderr } = await runDeno(
        "../npm/programs/generation_file.ts",
        [
          ...flagsFor(shim).split(" "),
          `--allow-read=${folder}`,
          `--allow-write=${folder}`,
        ],
        [folder, format, shim],
      );
      assert.equal(stderr, "");
      const { source, draws } = JSON.parse(stdout);
      assert.deepEqual(source, {
        name: "generation-file",
        timely: false,
        consulted: "draws",
        confirmedBy: "caller",
        path: `${folder}/generation`,
      });
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
  });
});

test("A generation file takes no flag of its own: the shim opens it", async () => {
  await withShim(async (shim, folder) => {
    const path = `${folder}/generation`;
    await Deno.writeTextFile(path, "7");
    const { stdout, used } = await runDeno(
      "file_program.ts",
      flagsFor(shim).split(" "),
      [shim, path],
    );
    const { names, drawn } = JSON.parse(stdout);
    assert.ok(names.includes("generation-file"));
    assert.equal(drawn, 32);
    assert.deepEqual([...new Set(used)].sort(), [
      `ffi ${shim}`,
      `read ${shim}`,
    ]);
  });
});

test("A generation file that is missing or holds something else is an error", async () => {
  await withShim(async (shim, folder) => {
    const path = `${folder}/generation`;
    const flags = flagsFor(shim).split(" ");
    const refused = async (words: RegExp): Promise<void> => {
      const { stdout } = await runDeno("file_program.ts", flags, [shim, path]);
      const { code, remedy, message } = JSON.parse(stdout);
      assert.deepEqual({ code, remedy }, {
        code: "level-unavailable",
        remedy: "permit",
      });
      assert.match(message, words);
    };
    await refused(/generation file: it is not there/);
    await Deno.writeTextFile(path, "seven");
    await refused(/no file that holds a counter of that format/);
    await Deno.remove(path);
    await Deno.mkdir(path);
    await refused(/no file that holds a counter of that format/);
  });
});
