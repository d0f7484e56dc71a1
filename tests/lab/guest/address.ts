/** Prints where the unique id is, for a shell that runs as root. */

import { protection } from "../../../mod.ts";

console.log(protection().device?.address);
