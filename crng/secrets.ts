import { wipe } from "./bytes.ts";
import { INPUT_POOL_SIZE, InputPool } from "./input_pool.ts";
import { KEY_STREAM_SIZE, KeyStream } from "./key_stream.ts";
import { SEED_LENGTH } from "./ports.ts";

const NONCE_SIZE = 12;
const UNIQUE_ID_SIZE = 16;
const UUID_SIZE = 16;
const SIZE = KEY_STREAM_SIZE + INPUT_POOL_SIZE + SEED_LENGTH + NONCE_SIZE +
  2 * UNIQUE_ID_SIZE + UUID_SIZE;

/**
 * All memory of one generator that must not be in a snapshot: key, buffer, pool, and what passes through. It
 * knows nothing of the generator, so that who holds it to wipe it does not keep the generator alive.
 *
 * @example
 * ```ts
 * import { BaseCrng, Secrets } from "@vmfork/crng/crng";
 * import { SimulatedMachine } from "@vmfork/crng/testing";
 *
 * const secrets = new Secrets();
 * const crng = new BaseCrng({ ...new SimulatedMachine().ports(), secrets });
 * crng.getRandom(16);
 * secrets.wipe(); // the next draw takes fresh input
 * console.log(crng.getRandom(16).length);
 * ```
 */
export class Secrets {
  /** The one buffer that holds all of it. */
  readonly memory: ArrayBuffer = new ArrayBuffer(SIZE);
  /** The key, and the bytes made from it. */
  readonly stream: KeyStream = new KeyStream(this.memory);
  /** The input pool. */
  readonly pool: InputPool = new InputPool(this.memory, KEY_STREAM_SIZE);
  /** The fresh input of a reseed. */
  readonly seed: Uint8Array;
  /** The nonce of a refill or a large draw. */
  readonly nonce: Uint8Array;
  /** The unique id as it was read last. */
  readonly id: Uint8Array;
  /** The unique id that was mixed in last. */
  readonly mixedId: Uint8Array;
  /** The bytes of a UUID. */
  readonly uuid: Uint8Array;
  /** Whether there is a key; one that was wiped is none. */
  keyed = false;
  /**
   * The program's view that was filled last and found to be bytes in private memory: most programs fill one over and
   * over, and a `WeakRef` costs as much as the search. No secret of ours, but a snapshot is not to hold for us what
   * the program has dropped.
   */
  lastPrivate: unknown = undefined;
  /** How often it was wiped: what was fetched before a wipe must not become a key after it. */
  wipes = 0;

  /** Lays everything out in one buffer. */
  constructor() {
    let at = KEY_STREAM_SIZE + INPUT_POOL_SIZE;
    const next = (size: number): Uint8Array => {
      const part = new Uint8Array(this.memory, at, size);
      at += size;
      return part;
    };
    this.seed = next(SEED_LENGTH);
    this.nonce = next(NONCE_SIZE);
    this.id = next(UNIQUE_ID_SIZE);
    this.mixedId = next(UNIQUE_ID_SIZE);
    this.uuid = next(UUID_SIZE);
  }

  /** Wipes everything. What remains are the constants that an empty pool begins with. */
  wipe(): void {
    this.keyed = false;
    this.lastPrivate = undefined;
    this.wipes++;
    this.stream.wipe();
    wipe(new Uint8Array(this.memory));
    this.pool.wipe();
  }
}
