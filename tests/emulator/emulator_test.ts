import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { equalPrefix } from "../lab/room/compare.ts";
import { EMULATOR_TOOLCHAIN } from "./embedded.ts";
import { CloneEmulator, type Images, NO_EMULATOR } from "./emulator.ts";
import type { SourceName } from "./sources.ts";

// Each experiment is a process of its own, cloned while it runs. Two fresh values of at least 122 bits are equal
// with a probability below 2^-100, for all the draws of all experiments together: a repeat is never chance.

const DRAWS = 2_000;
const WARM = 3;
const BOTH = ["first", "second"] as const;
/** What a refill of 1,024 bytes leaves for draws of 16 bytes, after the next key. */
const DRAWS_PER_REFILL = 62;

describe(
  NO_EMULATOR === undefined
    ? "In two live images of one process"
    : `NOT RUN: ${NO_EMULATOR}`,
  { skip: NO_EMULATOR ?? false },
  () => {
    let emulator: CloneEmulator | undefined;
    const run: CloneEmulator["run"] = (experiment) => {
      emulator ??= new CloneEmulator();
      return emulator.run(experiment);
    };

    after(() => {
      if (emulator === undefined) return;
      if (emulator.retries > 0) {
        console.log(
          `Clones that died and were tried again: ${emulator.retries}`,
        );
      }
      emulator.close();
    });

    const runtimes: SourceName[] = [
      "crypto.getRandomValues",
      "crypto.randomUUID",
      "node:crypto randomBytes",
    ];
    for (const source of runtimes) {
      it(`Deno's ${source} repeats draw by draw`, async () => {
        assert.deepEqual(repeats(await run({ source })), {
          prefix: DRAWS,
          inBoth: DRAWS,
        });
      });
    }

    it("Deno's node:crypto makes the same Ed25519 keys", async () => {
      const draws = 300;
      const images = await run({ source: "node:crypto Ed25519 key", draws });
      assert.deepEqual(repeats(images), { prefix: draws, inBoth: draws });
    });

    for (
      const source of [
        "vmfork, input-pool",
        "vmfork, injection",
        "vmfork, randomUUID",
      ] as const
    ) {
      it(`${source} repeats nothing once the page has changed`, async () => {
        const images = await run({ source, changed: BOTH });
        assert.deepEqual(repeats(images), { prefix: 0, inBoth: 0 });
      });

      it(`${source} repeats nothing if the source runs on`, async () => {
        const images = await run({ source, changed: ["second"] });
        assert.deepEqual(repeats(images), { prefix: 0, inBoth: 0 });
      });
    }

    it("vmfork repeats nothing without hardware randomness either", async () => {
      const images = await run({
        source: "vmfork, no hardware randomness",
        changed: BOTH,
      });
      assert.deepEqual(repeats(images), { prefix: 0, inBoth: 0 });
    });

    describe("control:", () => {
      it("neither image can tell by its process id, nor by a wiped page", async () => {
        const { first, second } = await run({
          source: "/dev/urandom",
          draws: 1,
        });
        assert.equal(second.pid, first.pid);
        assert.ok(first.unwiped);
        assert.ok(second.unwiped);
      });

      it("both would tell where the emulator hides neither, and Deno's generators look at neither", async () => {
        for (const source of runtimes) {
          const images = await run({ source, door: "visible" });
          const { first, second } = images;
          assert.notEqual(second.pid, first.pid);
          assert.ok(first.unwiped);
          assert.ok(!second.unwiped);
          assert.deepEqual(repeats(images), { prefix: DRAWS, inBoth: DRAWS });
        }
      });

      it("the kernel's generator is not cloned", async () => {
        const images = await run({ source: "/dev/urandom" });
        assert.deepEqual(repeats(images), { prefix: 0, inBoth: 0 });
      });

      it("libc's fork() tells Deno's generator, which repeats only what it had made before", async () => {
        const door = "libc fork()";
        // Of getRandomValues() the rest of a block of 256 bytes, of randomUUID() the rest of a batch of 128.
        const values = await run({ source: "crypto.getRandomValues", door });
        assert.ok(repeats(values).inBoth < 16);
        const uuids = await run({ source: "crypto.randomUUID", door });
        assert.ok(repeats(uuids).inBoth < 128);
      });

      it("vmfork repeats its buffer if nothing shows the clone, and parts at the next refill by RDRAND", async () => {
        const images = await run({ source: "vmfork, no timed reseed" });
        const left = images.first.hardware.includes("draw")
          ? DRAWS_PER_REFILL - WARM
          : DRAWS;
        assert.deepEqual(repeats(images), { prefix: left, inBoth: left });
      });

      it("vmfork repeats until a timed reseed if nothing shows the clone and there is no RDRAND", async () => {
        const images = await run({ source: "vmfork, no hardware randomness" });
        assert.deepEqual(repeats(images), { prefix: DRAWS, inBoth: DRAWS });
      });

      it("vmfork below `memory` takes fresh kernel randomness for every draw, which is not cloned here", async () => {
        const images = await run({ source: "vmfork, below memory" });
        assert.deepEqual(repeats(images), { prefix: 0, inBoth: 0 });
      });
    });
  },
);

describe("EMULATOR_TOOLCHAIN", () => {
  it("says which compiler and linker made the library", () => {
    assert.match(EMULATOR_TOOLCHAIN, /gcc .*[0-9]+\.[0-9]+.*, GNU ld .*[0-9]+/);
  });
});

/** How many draws are equal in a row from the clone on, and how many stand in both images anywhere. */
function repeats(
  { first, second }: Images,
): { prefix: number; inBoth: number } {
  const seen = new Set(first.draws);
  assert.equal(seen.size, first.draws.length, "an image repeats itself");
  return {
    prefix: equalPrefix(first.draws, second.draws),
    inBoth: second.draws.filter((draw) => seen.has(draw)).length,
  };
}
