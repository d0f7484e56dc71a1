// Prints, as JSON, what the library makes of the flags that Node was run with.
import { getRandom, protection } from "../../../mod.ts";

try {
  const { level, shim, notReached } = protection();
  console.log(
    JSON.stringify({ level, shim, notReached, drawn: getRandom(32).length }),
  );
} catch (error) {
  const { name, code, message, cause } = error as Error & { code: string };
  console.log(
    JSON.stringify({ error: { name, code, message, cause: String(cause) } }),
  );
}
