/** How the latency on one target compares with that on another, on a scale of doublings. */

/** `other / base`; null where one is unknown or the base is nothing to compare with. */
export function ratioOf(base: number | null | undefined, other: number | null | undefined): number | null {
  return base == null || other == null || base <= 0 || other <= 0 ? null : other / base;
}

/** How many doublings a scale needs to either side for these ratios: 1 to 6. */
export function reachOf(ratios: readonly (number | null)[]): number {
  const most = ratios.reduce<number>((reach, ratio) => Math.max(reach, ratio === null ? 0 : Math.abs(Math.log2(ratio))), 0);
  return Math.min(6, Math.max(1, Math.ceil(most)));
}

/** Where a ratio stands on a scale of `reach` doublings: -1 (much shorter) over 0 (equal) to 1 (much longer). */
export function level(ratio: number, reach: number): number {
  return Math.min(1, Math.max(-1, Math.log2(ratio) / reach));
}

/** `×1.9`, `×0.11`. */
export function times(ratio: number | null): string {
  return ratio === null ? '?' : `×${Number(ratio.toPrecision(2))}`;
}

/** `1.9 times as long`, `2.1 times as fast`, `about as long`, `not comparable`. */
export function compared(ratio: number | null): string {
  if (ratio === null) {
    return 'not comparable';
  }
  if (Math.abs(ratio - 1) < 0.05) {
    return 'about as long';
  }
  return ratio > 1
    ? `${Number(ratio.toPrecision(2))} times as long`
    : `${Number((1 / ratio).toPrecision(2))} times as fast`;
}
