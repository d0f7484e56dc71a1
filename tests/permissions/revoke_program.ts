// Gives its permissions back after the first draw, and goes on drawing.
import { configure, Crng, getRandom } from "../../mod.ts";

const [path] = Deno.args;
configure({ shim: path! });
getRandom(8);
for (const name of ["ffi", "read"] as const) {
  Deno.permissions.revokeSync({ name, path: path! });
}
using crng = new Crng();
configure({ shim: path!, strategy: "input-pool" });
console.log(JSON.stringify({
  drawn: getRandom(5000).length + crng.getRandom(1).length,
  state: Deno.permissions.querySync({ name: "ffi", path: path! }).state,
}));
