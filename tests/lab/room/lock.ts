import { CACHE } from "./paths.ts";

/** Lets one lab at a time fill the cache; another one waits. */
export async function withCacheLock<T>(work: () => Promise<T>): Promise<T> {
  Deno.mkdirSync(CACHE, { recursive: true });
  using file = Deno.openSync(`${CACHE}/lock`, { create: true, write: true });
  await file.lock(true);
  return await work();
}
