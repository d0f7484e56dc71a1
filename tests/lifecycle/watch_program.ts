// Watches for forks, and does nothing else: the process is to end by itself.
import { getRandom, onQuiesce, onVmFork, watchForks } from "../../mod.ts";

onVmFork(() => {});
onQuiesce(() => {});
void watchForks().next();
console.log(getRandom(32).length);
