import type { EntropySource } from "../../crng/ports.ts";
import { ProtectionError } from "../../crng/errors.ts";
import { thisRuntime } from "../runtime/mod.ts";
import type { DeviceFile } from "../runtime/runtime.ts";

/** The device, which Deno lets a program read with a permission for this one path. */
export const URANDOM_PATH = "/dev/urandom";

/** Linux, Documentation/admin-guide/devices.txt: character device 1:9. */
const URANDOM_DEVICE = 1 << 8 | 9;

// The parts of a seed, see EntropySource.fill().
const KERNEL = 32;
const CYCLES = 64;
const SEED_BLOCK = 72;

/** Entropy without a shim, from a file that is kept open. */
export interface UrandomEntropy extends EntropySource {
  /** Closes the file. */
  close(): void;
}

/**
 * Opens `/dev/urandom`, if reading it is granted.
 *
 * @param path in tests another file
 * @returns the source, or undefined where it is missing or reading it is not granted
 * @throws {ProtectionError} If there is something else at that path
 */
export function openUrandom(
  path: string = URANDOM_PATH,
): UrandomEntropy | undefined {
  const file = thisRuntime().openDevice(path);
  if (file === undefined) return undefined;
  if (file.device !== URANDOM_DEVICE) {
    file.close();
    throw new ProtectionError(
      "level-unavailable",
      `Cannot use ${path} as it is not the kernel's device 1:9`,
    );
  }
  return urandomEntropy(file);
}

function urandomEntropy(file: DeviceFile): UrandomEntropy {
  return {
    fill(seed) {
      // No hardware randomness and no cycle counter without a shim: zeros, and the finest clock.
      seed.fill(0);
      readFull(file, seed.subarray(0, KERNEL));
      new DataView(seed.buffer, seed.byteOffset).setFloat64(
        CYCLES,
        performance.now(),
        true,
      );
      readFull(file, seed.subarray(SEED_BLOCK));
    },
    nonce: (into) => readFull(file, into),
    close: () => file.close(),
  };
}

function readFull(file: DeviceFile, into: Uint8Array): void {
  for (let done = 0; done < into.length;) {
    const count = file.read(into.subarray(done));
    if (count === 0) {
      throw new ProtectionError(
        "entropy-failed",
        `Cannot draw as ${URANDOM_PATH} ended`,
      );
    }
    done += count;
  }
}
