/** Node's sources. */

import { randomBytes, randomUUID } from "node:crypto";
import { serve } from "./draw_loop.ts";
import { ed25519, nanoids, source, uuidBytes } from "./sources.ts";

await serve({
  randomUUID: source(() => randomUUID(), uuidBytes),
  randomBytes: source(() => randomBytes(16), (bytes) => bytes),
  ed25519,
  nanoid: nanoids,
});
