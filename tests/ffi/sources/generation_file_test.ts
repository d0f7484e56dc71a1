import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtectionError } from "../../../crng/mod.ts";
import { type GenerationFile, openMachine } from "../../../ffi/mod.ts";
import { isGenerationFile } from "../../../ffi/sources/generation_file.ts";
import { SIMULATED_FILE, SimulatedMachine } from "../../../ffi/testing/mod.ts";
import { namesOf, obstaclesOf, openWith, shimWith } from "./open_with.ts";

const generationFile: GenerationFile = { path: SIMULATED_FILE, format: "text" };

test("A generation file that is named is looked at by draws, and never makes the level memory", () => {
  const machine = openWith({ sources: ["generation-file"] }, {
    generationFile,
  });
  const { level, source, sources, confirmedBy } = machine.protection;
  assert.deepEqual({ level, source, confirmedBy }, {
    level: "hedged",
    source: "generation-file",
    confirmedBy: undefined,
  });
  assert.deepEqual(sources, [{
    name: "generation-file",
    timely: false,
    consulted: "draws",
    confirmedBy: "caller",
    path: SIMULATED_FILE,
  }]);
  assert.equal(machine.ports!.unbuffered, true);
  assert.match(obstaclesOf(machine)[0]!, /no VM generation ID device/);
});

test("A generation file stands beside the pages, which decide", () => {
  const machine = openWith(
    { sources: ["vmgenid", "vmclock", "generation-file"] },
    { generationFile },
  );
  assert.deepEqual(namesOf(machine), ["vmgenid", "vmclock", "generation-file"]);
  assert.equal(machine.protection.level, "memory");
  assert.equal(machine.protection.source, "vmgenid");
});

test("A generation file is not looked for unless it is named", () => {
  assert.deepEqual(namesOf(openWith({ sources: ["generation-file"] })), []);
});

test("A generation file is passed to the shim with its format", () => {
  for (
    const [format, width] of [["u32", 4], ["u64", 8], ["text", 0]] as const
  ) {
    const asked: unknown[] = [];
    assert.throws(() =>
      openWith({
        replace: {
          vmfork_watch_file: (path, width) => {
            asked.push(new TextDecoder().decode(path), width);
            return -2;
          },
        },
      }, { generationFile: { path: "/a", format } })
    );
    assert.deepEqual(asked, ["/a\0", width]);
  }
});

test("A generation file that cannot be used is an error that says why", () => {
  const refused = (words: RegExp) => (error: unknown): boolean =>
    error instanceof ProtectionError && error.code === "level-unavailable" &&
    error.remedy === "permit" &&
    /Cannot use the generation file/.test(error.message) &&
    words.test(error.message);
  for (
    const [errno, words] of [
      [2, /it is not there/],
      [13, /may not read it/],
      [22, /no file that holds a counter/],
      [21, /EISDIR/],
    ] as const
  ) {
    assert.throws(
      () =>
        openWith(
          { replace: { vmfork_watch_file: () => -errno } },
          { generationFile },
        ),
      refused(words),
    );
  }
  assert.throws(
    () =>
      openMachine({ generationFile }, {
        shim: { reason: "there is none", remedy: "one" },
      }),
    refused(/there is none/),
  );
});

test("A generation file that could not be used is named again with the reason of the first time", () => {
  const shim = shimWith();
  const look = {};
  for (let i = 0; i < 2; i++) {
    assert.throws(
      () => openMachine({ generationFile }, { shim, look }),
      /it is not there/,
    );
  }
});

test("A generation file beside a source or entropy of the program's own is an error", () => {
  const { source, entropy } = new SimulatedMachine();
  for (const options of [{ source }, { source, entropy }]) {
    assert.throws(
      () => openWith({}, { ...options, generationFile }),
      (error) =>
        error instanceof ProtectionError &&
        /of its own, and no other is used/.test(error.message),
    );
  }
});

test("A generation file must be named before discovery ends, and another realm's is found", () => {
  const shim = shimWith({ sources: ["generation-file"] });
  const look = {};
  const named = openMachine({ generationFile }, { shim, look });
  assert.deepEqual(
    openMachine({ generationFile }, { shim, look }).protection,
    named.protection,
  );
  const elsewhere = openMachine({}, { shim });
  assert.deepEqual(namesOf(elsewhere), ["generation-file"]);
  assert.equal(elsewhere.protection.sources[0]!.path, undefined);
  const late = shimWith({ sources: ["generation-file"] });
  const known = {};
  openMachine({}, { shim: late, look: known });
  for (const look of [known, {}]) {
    assert.throws(
      () => openMachine({ generationFile }, { shim: late, look }),
      /discovery is closed/,
    );
  }
});

test("A generation file cannot be replaced by another one, not by another realm either", () => {
  const shim = shimWith({ sources: ["generation-file"] });
  const look = {};
  openMachine({ generationFile }, { shim, look });
  const other = { ...generationFile, path: "/other" };
  for (const realm of [look, {}]) {
    assert.throws(
      () => openMachine({ generationFile: other }, { shim, look: realm }),
      (error) =>
        error instanceof ProtectionError &&
        /already looks at another one/.test(error.message),
    );
  }
});

test("A generation file that another realm has named is found by who names it again", () => {
  const shim = shimWith({ sources: ["generation-file"] });
  openMachine({ generationFile }, { shim });
  const again = openMachine({ generationFile }, { shim });
  assert.deepEqual(namesOf(again), ["generation-file"]);
});

test("isGenerationFile() refuses what the shim would not take", () => {
  const path = `/${"é".repeat(127)}`; // 255 bytes
  assert.equal(isGenerationFile({ path, format: "u32" }), true);
  for (
    const wrong of [
      null,
      "/path",
      {},
      { path: "/a" },
      { path: "/a", format: "u16" },
      { path: "/a", format: "toString" },
      { path: "a", format: "u32" },
      { path: "", format: "u32" },
      { path: "/a\0b", format: "u32" },
      { path: `${path}a`, format: "u32" },
    ]
  ) assert.equal(isGenerationFile(wrong as GenerationFile), false);
});
