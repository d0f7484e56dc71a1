/**
 * Everything that must not outlive the lab: processes, sockets, snapshots.
 *
 * Undone in reverse order, once, at the normal end, after a failure and on
 * SIGINT, SIGTERM and SIGHUP.
 */

type Undo = () => void | Promise<void>;

const undos = new Set<Undo>();
let ending: Promise<void> | undefined;

/** Remembers how to undo something; the result forgets it again. */
export function onExit(undo: Undo): () => void {
  undos.add(undo);
  return () => void undos.delete(undo);
}

/** Undoes everything that is still remembered. */
export async function cleanUp(): Promise<void> {
  for (const undo of [...undos].reverse()) {
    undos.delete(undo);
    try {
      await undo();
    } catch (error) {
      console.error(
        `  clean-up: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}

/** Cleans up and ends the process when a signal asks for it. */
export function watchSignals(): void {
  const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
  for (const [name, number] of Object.entries(numbers)) {
    Deno.addSignalListener(name as Deno.Signal, () => {
      if (ending !== undefined) return;
      console.error(`\n  ${name}: cleaning up`);
      ending = cleanUp().finally(() => Deno.exit(128 + number));
    });
  }
}

/** True once a signal has asked for the end: failures then mean nothing. */
export function isEnding(): boolean {
  return ending !== undefined;
}

/** Removes a file or folder, whether or not it is there. */
export function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
