/** What the threads of the sweep, and the host, say to each other. */

/** What the main thread says to begin with. */
export interface SweepStart {
  readonly thread: number;
  /**
   * Element 0 counts the host's wishes, in turn to hold and to go on; after it
   * stands for each thread which records it wants before it goes on.
   */
  readonly wishes: Int32Array<SharedArrayBuffer>;
}

/** What a thread says: that it is warm, or what it drew. */
export type SweepMessage = { readonly warm: SweepWarm } | {
  readonly records: Uint8Array<ArrayBuffer>;
  readonly times: SweepTimes;
};

/** A clone's fork on its own clock, in milliseconds. */
export interface SweepTimes {
  /** Shortly before it: when the last draw but one began. */
  readonly fork: number;
  /** The end of the first draw that saw it. */
  readonly seen: number;
}

/** What a thread says once it is warm. */
export interface SweepWarm {
  readonly level: string;
  /** One look's part of the time between two draws. */
  readonly share: number;
}

/** The source's records on either side of a snapshot that the host gets. */
export const WINDOW = 1024;
