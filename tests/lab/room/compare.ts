/** How many items two lists share from the start. */
export function equalPrefix<T>(a: readonly T[], b: readonly T[]): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return i;
  return end;
}

/** How many items of one list stand in the other as well, wherever: streams may be shifted. */
export function countShared<T>(a: readonly T[], b: readonly T[]): number {
  const known = new Set(a);
  return b.filter((item) => known.has(item)).length;
}

/** The last place in either list of an item that stands in the other as well, wherever; -1 if none does. */
export function lastShared<T>(a: readonly T[], b: readonly T[]): number {
  const [inA, inB] = [new Set(a), new Set(b)];
  return Math.max(
    a.findLastIndex((item) => inB.has(item)),
    b.findLastIndex((item) => inA.has(item)),
  );
}

/** How many items of several lists stand in another of them as well. */
export function countRepeated<T>(lists: readonly (readonly T[])[]): number {
  const seenIn = new Map<T, number>();
  for (const list of lists) {
    for (const item of new Set(list)) {
      seenIn.set(item, (seenIn.get(item) ?? 0) + 1);
    }
  }
  return lists.flat().filter((item) => seenIn.get(item)! > 1).length;
}
