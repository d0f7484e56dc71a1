import assert from "node:assert/strict";
import { test } from "node:test";
import { BaseCrng } from "../../crng/mod.ts";
import { runInClones, type SimulatedMachine } from "../../ffi/testing/mod.ts";
import { toHex } from "../hex.ts";

// In a file, and so in an isolate, of its own: V8 must still interpret the generator. Once compiled, a whole
// draw is one frame, which fits or does not, and nothing overflows half-way any more.

/** A function that calls another from a frame with `n` more registers. */
function frameOf(n: number): (callee: () => void) => void {
  const locals = Array.from({ length: n }, (_, i) => `a${i} = ${i}`).join();
  const sum = Array.from({ length: n }, (_, i) => `a${i}`).join("+") || "0";
  const call = new Function(
    "callee",
    `let ${locals || "none"}; callee(); return ${sum};`,
  );
  return (callee) => {
    try {
      call(callee);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  };
}

test("BaseCrng leaves no key and no output where a stack overflow has struck", () => {
  // Draws at every depth near the end of the stack: each returns bytes never seen before, or throws and
  // leaves zeros; afterwards the generator goes on, and two clones still part.
  const sizes = [4, 16, 64, 200, 992, 993, 3000];
  const frames = Array.from({ length: 12 }, (_, n) => frameOf(n));
  const run = (
    machine: SimulatedMachine,
  ): { outs: Set<string>; threw: number; last: string } => {
    const crng = new BaseCrng(machine.ports());
    const outs = new Set<string>();
    let threw = 0;
    const problems: string[] = [];
    let turn = 0;
    const attempt = (): void => {
      const view = new Uint8Array(sizes[turn % sizes.length]!);
      turn++;
      try {
        if (turn % 5 === 0) crng.notifyFork();
        crng.getRandomValues(view);
      } catch {
        threw++;
        for (const byte of view) if (byte !== 0) problems.push("not wiped");
        return;
      }
      if (view.length < 16) return;
      const hex = toHex(view);
      if (outs.has(hex)) problems.push("repeated");
      outs.add(hex);
    };
    // Down to the end of the stack, by way of a builtin so that no compiler folds the calls into one
    // large frame; on the way back, at each depth, draws from below frames of every size.
    const descend = (): void => {
      try {
        [0].forEach(descend);
      } catch {
        // The end.
      }
      if (turn < 3000) { for (const frame of frames) frame(attempt); }
    };
    descend();
    assert.deepEqual(problems, []);
    machine.fork();
    return { outs, threw, last: toHex(crng.getRandom(32)) };
  };
  const [a, b] = runInClones(2, {}, run);
  assert.ok(a!.threw > 0 && a!.outs.size > 0, `${a!.threw} ${a!.outs.size}`);
  assert.notEqual(a!.last, b!.last);
});
