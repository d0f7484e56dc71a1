// Ends the process from a listener, while another waits.
import { configure, onVmFork } from "../../mod.ts";
import { SimulatedMachine } from "../../ffi/testing/mod.ts";

const machine = new SimulatedMachine();
configure({ source: machine.source, entropy: machine.entropy });
onVmFork(() => Deno.exit(7), { wait: Deno.args[0] === "wait" });
onVmFork(() => console.log("not reached"));
setTimeout(() => {
  machine.fork();
  setTimeout(() => {}, 60_000);
}, 50);
