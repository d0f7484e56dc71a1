import { ROOT, type Sandbox } from "./sandbox.ts";

const BLOCK = /```(\w+)\n([^]*?)```/g;
const FILE = /^\/\/ (\S+\.mjs)\n/;
const INSTALL = "npm install @vmfork/crng";

/** Does what docs/node.md says, word for word, in an empty folder; only the package comes from the tarball. */
export async function runDocumentation(
  sandbox: Sandbox,
  tarball: string,
): Promise<void> {
  const text = await Deno.readTextFile(`${ROOT}docs/node.md`);
  const permission = await sandbox.run(
    "node",
    "-p",
    'process.allowedNodeEnvironmentFlags.has("--permission")',
  );
  for (const [, language, body] of text.matchAll(BLOCK)) {
    if (language === "js") await writeExample(sandbox, body!);
    else {await runCommand(
        sandbox,
        body!.trim(),
        tarball,
        /true/.test(permission),
      );}
  }
}

async function writeExample(sandbox: Sandbox, body: string): Promise<void> {
  const [, name] = FILE.exec(body) ?? [];
  if (name === undefined) throw new Error(`No file name in: ${body}`);
  await sandbox.write(name, body);
}

async function runCommand(
  sandbox: Sandbox,
  command: string,
  tarball: string,
  isRecent: boolean,
): Promise<void> {
  const flag = isRecent ? "--permission" : "--experimental-permission";
  const local = command.replace(INSTALL, `npm install ${tarball}`)
    .replace("--permission", flag);
  const output = await sandbox.run("sh", "-c", local);
  console.log(`ok docs/node.md: ${command}\n${indent(output)}`);
}

function indent(text: string): string {
  return text.trim().replaceAll(/^/gm, "   ");
}
