import assert from "node:assert/strict";
import { nodes } from "./id_page.ts";

const ADDRESS = 0x1_4fe0_0ff0;

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line);
}

Deno.test("nodes() describes the id as Firecracker does", () => {
  assert.deepEqual(linesOf(nodes({ address: ADDRESS })), [
    "/ {",
    "vmgenid {",
    'compatible = "microsoft,vmgenid";',
    "reg = <1 1340084208 0 16>;",
    "interrupts = <0 100 1>; // SPI, rising edge",
    "};",
    "};",
  ]);
});

Deno.test("nodes() reserves the whole page where that is wanted", () => {
  const lines = linesOf(nodes({ address: ADDRESS, reserved: true }));
  const at = lines.indexOf("page@14fe00000 {");
  assert.deepEqual(lines.slice(at + 1, at + 3), [
    "reg = <1 1340080128 0 4096>;",
    "no-map;",
  ]);
});
