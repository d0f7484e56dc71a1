/** Numbers as people read them. */

/** With commas between thousands. */
export function count(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 2 });
}

/** A power of ten in the least room: 10k for ten thousand. */
export function power(value: number): string {
  if (value < 1_000) return count(value);
  return value < 1_000_000 ? `${value / 1_000}k` : `${value / 1_000_000}M`;
}

/** A time, in the unit that suits it. */
export function duration(ms: number): string {
  if (Math.abs(ms) < 0.1) return `${count(Math.round(ms * 1_000))} µs`;
  if (Math.abs(ms) < 10) return `${ms.toFixed(1)} ms`;
  if (Math.abs(ms) < 10_000) return `${count(Math.round(ms))} ms`;
  if (Math.abs(ms) < 120_000) return `${count(Math.round(ms / 1_000))} s`;
  return `${count(Math.round(ms / 60_000))} min`;
}

/** The value below which this share of all values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * share)] ?? 0;
}

/** The next round number: 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power)
    .find((step) => step >= value) ?? value;
}
