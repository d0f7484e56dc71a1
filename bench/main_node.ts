// The same as main.ts, for Node; tests/npm/bench.ts runs it on the installed package.
import { race } from "./on_node.ts";
import { report } from "./report.ts";

report(race);
