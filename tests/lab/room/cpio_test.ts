import assert from "node:assert/strict";
import { pack } from "./cpio.ts";

Deno.test("pack() writes entries that the newc format describes", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  const archive = pack([
    { path: "/a/b/file", bytes, executable: true },
    { path: "/link", link: "a/b/file" },
    { path: "/a/empty", folder: true },
  ]);
  assert.deepEqual(list(archive), [
    "40755 a ",
    "40755 a/b ",
    "100755 a/b/file 1,2,3,4,5",
    "120777 link 97,47,98,47,102,105,108,101",
    "40755 a/empty ",
    "0 TRAILER!!! ",
  ]);
});

/** A slow reading of the archive: mode, name and content of every entry. */
function list(archive: Uint8Array): string[] {
  const text = new TextDecoder("latin1").decode(archive);
  const field = (at: number, index: number): number =>
    parseInt(text.slice(at + 6 + 8 * index, at + 14 + 8 * index), 16);
  const align = (at: number): number => Math.ceil(at / 4) * 4;
  const found: string[] = [];
  for (let at = 0; at < archive.length;) {
    assert.equal(text.slice(at, at + 6), "070701");
    const name = text.slice(at + 110, at + 110 + field(at, 11) - 1);
    const from = align(at + 110 + field(at, 11));
    const to = from + field(at, 6);
    const mode = field(at, 1).toString(8);
    found.push(`${mode} ${name} ${archive.subarray(from, to)}`);
    at = align(to);
  }
  return found;
}
