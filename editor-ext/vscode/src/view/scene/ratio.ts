/** How the latency on one target compares with that on another, on a scale of doublings. */

/** `other / base`; null where one is unknown or the base is nothing to compare with. */
export function ratioOf(base: number | null | undefined, other: number | null | undefined): number | null {
  return base == null || other == null || base <= 0 || other <= 0 ? null : other / base;
}

/** Whole doublings: how far a scale goes below 1 and above it. */
export interface Reach {
  down: number;
  up: number;
}

/** Beyond this many doublings bars all look alike, and are cut off. */
const FAR = 8;

/** The scale that these ratios need, at least one doubling long. */
export function reachOf(ratios: readonly (number | null)[]): Reach {
  const logs = ratios.filter((ratio) => ratio !== null).map(Math.log2);
  const down = Math.min(FAR, Math.ceil(Math.max(0, -Math.min(0, ...logs)) - 0.01));
  const up = Math.min(FAR, Math.ceil(Math.max(0, ...logs) - 0.01));
  return down + up === 0 ? { down: 1, up: 1 } : { down: Math.max(0, down), up: Math.max(0, up) };
}

/** How high a ratio stands on a scale from 0, its lower end, to 1. */
export function level(ratio: number, reach: Reach): number {
  const at = (Math.log2(ratio) + reach.down) / (reach.down + reach.up);
  return Math.min(1, Math.max(0, at));
}

/** `×1.9`, `÷9.1`: how many times as long; `?` where that is unknown. */
export function times(ratio: number | null): string {
  if (ratio === null) {
    return '?';
  }
  return ratio < 1 ? `÷${digits(1 / ratio)}` : `×${digits(ratio)}`;
}

/** `1.9 times as long`, `2.1 times as fast`, `about as long`, `not comparable`. */
export function compared(ratio: number | null): string {
  if (ratio === null) {
    return 'not comparable';
  }
  if (Math.abs(ratio - 1) < 0.05) {
    return 'about as long';
  }
  return ratio > 1 ? `${digits(ratio)} times as long` : `${digits(1 / ratio)} times as fast`;
}

function digits(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(2));
}
