/** Says what the library finds in this machine. */

import { protection } from "../../../mod.ts";
import { send } from "./channel.ts";

send("protection", JSON.stringify(protection()));
