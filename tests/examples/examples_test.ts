import assert from "node:assert/strict";
import { test } from "node:test";
import { install } from "../../ffi/install.ts";
import { flagsFor } from "../../ffi/mod.ts";
import { runDeno } from "../permissions/run_deno.ts";

const example = (name: string): string => `../../examples/${name}.ts`;

async function installed(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "vmfork-" });
  try {
    await body(install(folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test("The quickstart reports the machine, draws 32 bytes and forks a simulated machine", async () => {
  const { code, stdout, stderr } = await runDeno(example("quickstart"), [
    "--allow-ffi",
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /level {7}(kernel|hedged|memory)/);
  assert.match(stdout, /32 bytes {6}[0-9a-f]{64}\n/);
  assert.equal(stdout.match(/the same in both clones/g)!.length, 1);
  assert.equal(stdout.match(/parted at the fork/g)!.length, 2);
});

test("The example of least permissions runs with its two flags, and names them without", async () => {
  await installed(async (path) => {
    const flags = flagsFor(path).split(" ");
    const granted = await runDeno(example("least_permissions"), flags, [path]);
    assert.equal(granted.code, 0, granted.stderr);
    assert.match(granted.stdout, /32 bytes drawn/);
    const refused = await runDeno(example("least_permissions"), [], [path]);
    assert.equal(refused.code, 1);
    assert.ok(refused.stderr.includes(flagsFor(path)));
  });
});

test("The example of revoking draws after it has given its permissions back", async () => {
  await installed(async (path) => {
    const { stdout, code } = await runDeno(
      example("revoke_after_load"),
      flagsFor(path).split(" "),
      [path],
    );
    assert.equal(code, 0);
    assert.match(stdout, /32 bytes drawn, permissions revoked/);
  });
});

test("The example of an inherited descriptor refuses one that is not /dev/mem", async () => {
  await installed(async (path) => {
    const { code, stderr } = await runDeno(
      example("inherited_descriptor"),
      flagsFor(path).split(" "),
      [path, "0", "0x1ffff028"], // descriptor 0 is /dev/null here
    );
    assert.equal(code, 1);
    assert.match(stderr, /not \/dev\/mem opened read-only/);
  });
});

test("The example of rotation uses another key after each fork, and wipes it before a snapshot", async () => {
  const { stdout, stderr, code } = await runDeno(example("rotate_on_fork"), []);
  assert.equal(code, 0, stderr);
  const keys = stdout.match(/(?<=^key {7})[0-9a-f]{8}/gm)!;
  // Two of four names of 32 bits are alike with a probability below 2^-29; the machine's seed is fixed.
  assert.equal(new Set(keys).size, 4);
  assert.equal(stdout.match(/^forked {4}vmgenid went from/gm)!.length, 2);
  assert.match(stdout, /^wiped {5}all secrets$/m);
});

test("The comparison of strategies predicts what the documentation says can be predicted", async () => {
  const { stdout, code } = await runDeno(example("strategies_compared"), []);
  assert.equal(code, 0);
  const rows = stdout.trim().split("\n").slice(1).map((row) =>
    row.split(/ {2,}/).slice(1)
  );
  assert.deepEqual(rows, [
    ["predicted, guess 1", "not predicted"],
    ["not predicted", "not predicted"],
    ["not predicted", "not predicted"],
    ["predicted, guess 1", "predicted, guess 1"],
    ["predicted, guess 1", "predicted, guess 2023"],
    ["not predicted", "not predicted"],
  ]);
});
