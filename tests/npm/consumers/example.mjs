import { getRandom, protection, randomUUID } from "@vmfork/crng";

console.log(protection().level, getRandom(16).join(" "), randomUUID());
