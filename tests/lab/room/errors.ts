/** Something the lab needs from its surroundings is not there. */
export class PrerequisiteError extends Error {
  /** Named in the message that the user sees. */
  override readonly name = "PrerequisiteError";
}

/** A guest fell silent, or its QEMU did not do what the lab asked for: worth another try. */
export class MachineError extends Error {
  /** Named in the message that the user sees. */
  override readonly name = "MachineError";
}

/** A program in a guest ended or failed. It may be our own code that did: never tried again. */
export class ProgramError extends Error {
  /** Named in the message that the user sees. */
  override readonly name = "ProgramError";
}
