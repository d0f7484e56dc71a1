import assert from "node:assert/strict";
import { test } from "node:test";
import { type Run, runDeno } from "../permissions/run_deno.ts";

// Each test runs a program in a process of its own, with the real shim unless it names a simulated machine.

/** Far more than any of the programs takes, far less than a hang. */
const TIMEOUT_MS = 30_000;

async function run(
  program: string,
  flags: readonly string[] = ["--allow-ffi"],
  args: readonly string[] = [],
): Promise<Run> {
  const started = performance.now();
  const ended = await runDeno(`../lifecycle/${program}.ts`, flags, args);
  assert.ok(performance.now() - started < TIMEOUT_MS, "it hung");
  return ended;
}

test("Watching does not keep the process alive", async () => {
  const { code, stdout, stderr } = await run("watch_program");
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "32\n" }, stderr);
});

test("Waiting keeps the process alive until it is aborted, also without the shim and without any source", async () => {
  for (const flag of ["--allow-ffi", "--allow-read=/dev/urandom", undefined]) {
    const { code, stdout, stderr } = await run(
      "wait_program",
      flag ? [flag] : [],
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "ended\n", flag);
  }
});

test("A listener may end the process, whether or not it waits", async () => {
  for (const args of [[], ["wait"]]) {
    const { code, stdout } = await run("exit_program", [], args);
    assert.deepEqual({ code, stdout }, { code: 7, stdout: "" });
  }
});

test("Workers are quiesced, a busy one is reported and its draws throw, and all may be ended while they watch", async () => {
  const { code, stdout, stderr } = await run("workers_program", [
    "--allow-ffi",
    "--allow-read",
  ]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    late: 1,
    again: 0,
    drawn: 3,
    alone: true,
  });
});

test("A generator that is collected leaves no secrets", async () => {
  const { stdout, stderr } = await run("collected_program", [
    "--v8-flags=--expose-gc",
  ]);
  assert.equal(stdout, "wiped\n", stderr);
});
