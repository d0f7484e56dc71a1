// Names a generation file, and draws. Prints what the library makes of it, as JSON.
import {
  configure,
  getRandom,
  protection,
  ProtectionError,
} from "../../mod.ts";

const [shim, path] = Deno.args as [string, string];
try {
  configure({ shim, generationFile: { path, format: "text" } });
  const names = protection().sources.map(({ name }) => name);
  console.log(JSON.stringify({ names, drawn: getRandom(32).length }));
} catch (error) {
  if (!(error instanceof ProtectionError)) throw error;
  const { code, remedy, message } = error;
  console.log(JSON.stringify({ code, remedy, message }));
}
