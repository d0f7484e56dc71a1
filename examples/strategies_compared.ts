/**
 * Injection and input-pool under each assumption of the discussion of 2022: who can predict what after a
 * fork, shown by doing the prediction.
 *
 * Whoever has a snapshot can run it. So the attacker here is the same program on the same simulated
 * machine, up to the fork; from there on it feeds its copy what it knows (the new id) and its guess of what
 * it does not know (fresh randomness).
 *
 * @module
 */

import {
  BaseCrng,
  type CrngPorts,
  type EntropySource,
  injection,
  inputPool,
  type ReseedStrategy,
} from "@vmfork/crng/crng";
import { SimulatedMachine } from "@vmfork/crng/testing";

/** How many values of the fresh input an attacker can try. */
const GUESSES = 4096;

/** One assumption: what the machine is like, and what the attacker has. */
interface Assumption {
  readonly name: string;
  /** Whether the CPU has randomness of its own, which nobody else sees. */
  readonly hardware: boolean;
  /** Whether the attacker has the snapshot. */
  readonly snapshot: boolean;
  /** Whether the attacker knows the new id. */
  readonly id: boolean;
  /** How many values the fresh input of the reseed may have, as far as the attacker knows. */
  readonly freshValues: number;
}

const MANY = Infinity;

const ASSUMPTIONS: readonly Assumption[] = [
  {
    name: "snapshot and id known, no CPU randomness",
    hardware: false,
    snapshot: true,
    id: true,
    freshValues: MANY,
  },
  {
    name: "snapshot and id known, CPU randomness",
    hardware: true,
    snapshot: true,
    id: true,
    freshValues: MANY,
  },
  {
    name: "snapshot known, id not",
    hardware: false,
    snapshot: true,
    id: false,
    freshValues: MANY,
  },
  {
    name: "snapshot known, kernel's randomness known",
    hardware: false,
    snapshot: true,
    id: true,
    freshValues: 1,
  },
  {
    name: "snapshot known, 12 fresh bits (premature next)",
    hardware: false,
    snapshot: true,
    id: true,
    freshValues: GUESSES,
  },
  {
    name: "snapshot secret, all else known",
    hardware: false,
    snapshot: false,
    id: true,
    freshValues: 1,
  },
];

/** Fresh input that is one of few values: what an attacker may try one after the other. */
function weakEntropy(entropy: EntropySource, value: number): EntropySource {
  return {
    fill(seed) {
      seed.fill(0);
      new DataView(seed.buffer, seed.byteOffset).setUint32(0, value, true);
    },
    nonce: (into) => entropy.nonce(into),
  };
}

/** One party: the machine it runs on, and what it feeds the generator after the fork. */
interface Party {
  /** Whose snapshot it runs. */
  readonly seed: number;
  /** Which clone it is: decides what its kernel and its CPU give. */
  readonly clone: number;
  /** The id it feeds the generator. */
  readonly id: Uint8Array;
  /** The value of its fresh input; undefined for what its kernel gives. */
  readonly fresh: number | undefined;
}

/** What a generator draws first after the fork. */
function firstDraw(
  { seed, clone, id, fresh }: Party,
  hardware: boolean,
  strategy: ReseedStrategy,
): string {
  const machine = new SimulatedMachine({ seed, hardware, kernelReseeds: true });
  const ports = machine.ports();
  const { source, entropy } = ports;
  let forked = false;
  const after = fresh === undefined ? entropy : weakEntropy(entropy, fresh);
  const fed: CrngPorts = {
    ...ports,
    strategy,
    source: {
      name: source.name,
      timely: source.timely,
      generation: source.generation,
      uniqueId: (into) => {
        if (!forked) return source.uniqueId(into);
        into.set(id);
        return id.length;
      },
      changed: (known, signal) => source.changed(known, signal),
    },
    entropy: {
      fill: (into) => (forked ? after : entropy).fill(into),
      nonce: (into) => entropy.nonce(into),
    },
  };
  using crng = new BaseCrng(fed);
  crng.getRandom(32);
  machine.fork(clone);
  forked = true;
  return crng.getRandom(16).join();
}

/** The value that the victim's weak input happens to have. */
const VICTIM_FRESH = 2022;

/** How many guesses the attacker needed; undefined if none came true. */
function predict(
  assumption: Assumption,
  strategy: ReseedStrategy,
): number | undefined {
  const { hardware, snapshot, id, freshValues } = assumption;
  const weak = freshValues <= GUESSES;
  const victim: Party = {
    seed: 1,
    clone: 1,
    id: Uint8Array.from({ length: 16 }, (_, i) => 17 * i + 5),
    fresh: weak ? VICTIM_FRESH % freshValues : undefined,
  };
  const wanted = firstDraw(victim, hardware, strategy);
  for (let guess = 0; guess < (weak ? freshValues : GUESSES); guess++) {
    const attacker: Party = {
      seed: snapshot ? victim.seed : 2,
      clone: 2, // its own kernel and CPU never give what the victim's do
      id: id ? victim.id : new Uint8Array(16).fill(guess),
      fresh: guess,
    };
    if (firstDraw(attacker, hardware, strategy) === wanted) return guess + 1;
  }
  return undefined;
}

console.log(
  `${"the attacker's position".padEnd(50)}${"injection".padEnd(26)}input-pool`,
);
for (const assumption of ASSUMPTIONS) {
  const [injected, pooled] = [injection, inputPool].map((strategy) => {
    const guesses = predict(assumption, strategy);
    if (guesses === undefined) return "not predicted";
    return `predicted, guess ${guesses}`;
  });
  console.log(assumption.name.padEnd(50) + injected!.padEnd(26) + pooled);
}
