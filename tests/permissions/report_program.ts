// Prints, as JSON, what the library makes of the flags that this program was run with.
import { configure, getRandom, protection } from "../../mod.ts";

const [named] = Deno.args;
try {
  if (named) configure({ shim: named });
  const { level, shim, notReached } = protection();
  const drawn = getRandom(32).length;
  console.log(JSON.stringify({ level, shim, drawn, notReached }));
} catch (error) {
  const { name, code, remedy, message, cause } = error as Error & {
    code: string;
    remedy: string;
  };
  let level: string | undefined;
  try {
    level = protection().level;
  } catch {
    // A shim that was named and cannot be used: no report either.
  }
  console.log(
    JSON.stringify({
      error: { name, code, remedy, message, cause: String(cause) },
      level,
    }),
  );
}
