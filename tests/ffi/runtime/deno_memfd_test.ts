import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { memfdPath } from "../../../ffi/runtime/deno_memfd.ts";
import { cString } from "../../../ffi/shim/shim.ts";

const O_RDONLY = 0;

const LIBC = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** Runs a test with a file that this process has no copy of yet, and with the C library. */
function withFile(
  body: (
    path: () => string,
    libc: Deno.DynamicLibrary<typeof LIBC>["symbols"],
  ) => void,
): void {
  const name = `libvmfork-test-${randomUUID()}.so`;
  const bytes = new TextEncoder().encode(name);
  const libc = Deno.dlopen("libc.so.6", LIBC);
  try {
    body(
      () => memfdPath({ name, sha256: "", base64: "" }, bytes),
      libc.symbols,
    );
  } finally {
    libc.close();
  }
}

const numberOf = (path: string): number => Number(path.split("/").at(-1));

test("A process makes one memory file for a shim, and finds it again", () => {
  withFile((path) => {
    const made = path();
    assert.equal(path(), made);
    assert.match(Deno.readLinkSync(made), /^\/memfd:libvmfork-test-/);
  });
});

test("A descriptor that the dynamic loader has open for a moment is not taken for the memory file", () => {
  // The loader of another thread opens the path that it was given: for that moment a second descriptor, often of a
  // lower number, names the same sealed bytes. Whoever took that one would find it closed, or another file there.
  withFile((path, libc) => {
    const below = libc.open(cString("/dev/null"), O_RDONLY);
    const made = path();
    libc.close(below);
    const loaders = libc.open(cString(made), O_RDONLY);
    assert.ok(
      loaders >= 0 && loaders < numberOf(made),
      "it is looked at first",
    );
    const found = path();
    libc.close(loaders);
    assert.equal(found, made);
  });
});

test("The memory file is sealed: who opens it for writing cannot write", () => {
  withFile((path) => {
    const file = Deno.openSync(path(), { read: true, write: true });
    try {
      assert.throws(() => file.writeSync(new Uint8Array(1)), /not permitted/);
    } finally {
      file.close();
    }
  });
});
