// Moves a real generation file under the real shim, and prints what draws made of it. For Deno and Node.
import { renameSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { type GenerationFile, ProtectionError } from "../../../mod.ts";
import { configure, defaultCrng, getRandom, protection } from "../../../mod.ts";

const [folder, format, shim] = process.argv.slice(2) as [
  string,
  GenerationFile["format"],
  string?,
];
const path = `${folder}/generation`;

function encode(number: number): string | Uint8Array {
  if (format === "text") return `${number}\n`;
  const bytes = new Uint8Array(format === "u32" ? 4 : 8);
  bytes[0] = number;
  return bytes;
}

/** As a platform should: whoever reads it finds one number or the other. */
function replace(number: number): void {
  writeFileSync(`${path}.new`, encode(number));
  renameSync(`${path}.new`, path);
}

let forks = 0;

/** What came of a draw: the forks seen so far, or the code of the error. */
async function draw(): Promise<number | string> {
  try {
    getRandom(8);
  } catch (error) {
    if (!(error instanceof ProtectionError)) throw error;
    return error.code;
  }
  await new Promise((resolve) => setTimeout(resolve)); // listeners are told after the draw
  return forks;
}

replace(1);
const generationFile = { path, format };
configure(shim === undefined ? { generationFile } : { generationFile, shim });
defaultCrng().onVmFork(() => void forks++);

const draws: Record<string, number | string> = { first: await draw() };
replace(1);
draws.same = await draw();
replace(2);
draws.replaced = await draw();
writeFileSync(path, encode(3));
draws.overwritten = await draw();
truncateSync(path);
draws.truncated = await draw();
unlinkSync(path);
draws.missing = await draw();
replace(3);
draws.back = await draw();

const { level, sources } = protection();
const source = sources.find(({ name }) => name === "generation-file");
console.log(JSON.stringify({ level, source, draws }));
