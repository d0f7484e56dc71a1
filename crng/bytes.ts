/**
 * Overwrites bytes with zeros: secrets are wiped as soon as they have been used, so that a later
 * snapshot does not hold them.
 *
 * @param bytes the memory to wipe
 */
export function wipe(bytes: Uint8Array | Int32Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = 0;
}
