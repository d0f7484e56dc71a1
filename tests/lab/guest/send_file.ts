/** Sends a file to the host. */

import { send } from "./channel.ts";

const [name = "", path = ""] = Deno.args;
send(name, Deno.readFileSync(path));
