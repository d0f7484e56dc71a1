/** Something the lab needs from its surroundings is not there. */
export class PrerequisiteError extends Error {
  /** Named in the message that the user sees. */
  override readonly name = "PrerequisiteError";
}

/** A guest or its QEMU did not do what the lab asked for. */
export class MachineError extends Error {
  /** Named in the message that the user sees. */
  override readonly name = "MachineError";
}
