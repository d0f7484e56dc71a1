import { getRandom } from "@vmfork/crng";
import { BaseCrng } from "@vmfork/crng/crng";
import { openMachine } from "@vmfork/crng/ffi";
import { install } from "@vmfork/crng/install";
import { SimulatedMachine } from "@vmfork/crng/testing";

const { ports } = openMachine();
const simulated = new BaseCrng(new SimulatedMachine().ports());
console.log(
  getRandom(32).length,
  new BaseCrng(ports).getRandom(32).length,
  simulated.getRandom(32).length,
  typeof install,
);
