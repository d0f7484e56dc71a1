const { getRandom } = require("@vmfork/crng");
const { BaseCrng } = require("@vmfork/crng/crng");
const { openMachine } = require("@vmfork/crng/ffi");
const { install } = require("@vmfork/crng/install");
const { SimulatedMachine } = require("@vmfork/crng/testing");

const { ports } = openMachine();
const simulated = new BaseCrng(new SimulatedMachine().ports());
console.log(
  getRandom(32).length,
  new BaseCrng(ports).getRandom(32).length,
  simulated.getRandom(32).length,
  typeof install,
);
