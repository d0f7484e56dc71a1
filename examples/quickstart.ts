/**
 * The main job on this machine, then a fork of a simulated one: `deno task start`.
 *
 * With `--allow-ffi` alone the shim is loaded from memory and nothing is installed or written.
 *
 * @module
 */

import { getRandom, protection } from "@vmfork/crng";
import { forkSideBySide } from "./fork_side_by_side.ts";

const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function reportMachine(): void {
  const { level, source, confirmedBy, device, hardware, shim, notReached } =
    protection();
  console.log("This machine");
  console.log(
    device === undefined
      ? "  device      not found"
      : `  device      ${device.path} (${device.hid}), id at ${device.address}, notified by ${
        device.notifiedBy ?? "nothing"
      }`,
  );
  console.log(`  hardware    ${hardware.join(" and ") || "no"} randomness`);
  console.log(`  shim        ${shim ?? "not loaded"}`);
  console.log(`  source      ${source}`);
  console.log(
    `  level       ${level}${
      confirmedBy === undefined ? "" : `, page confirmed by ${confirmedBy}`
    }`,
  );
  for (const { level, reason, remedy } of notReached) {
    console.log(`  not ${level.padEnd(8)}${reason}`);
    console.log(`              it takes ${remedy}`);
  }
}

reportMachine();
console.log(`\n32 bytes      ${toHex(getRandom(32))}\n`);
forkSideBySide();
