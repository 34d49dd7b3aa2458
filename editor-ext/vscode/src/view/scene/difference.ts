/** What a fix would change, in a sentence. */

import type { Totals } from '../../protocol';
import { count, percent, plural, size, time } from './format';

/** `Latency 1.06 ms instead of 1.18 ms (10 % less), peak memory as before, 3.1 M parameters instead of 3.5 M …` */
export function difference(before: Totals, after: Totals, changed: number): string {
  const parts = [
    part('latency', before.latencyUs, after.latencyUs, time),
    part('peak memory', before.peakBytes, after.peakBytes, size),
    part('parameters', before.params, after.params, count),
  ];
  const where = changed > 0 ? `; ${plural(changed, 'layer')} ${changed === 1 ? 'changes' : 'change'}` : '';
  const text = `${parts.join(', ')}${where}.`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function part(
  name: string,
  before: number | null,
  after: number | null,
  write: (value: number | null) => string,
): string {
  if (before === null || after === null) {
    return `${name} ${write(after)}, was ${write(before)}`;
  }
  if (before === after) {
    return `${name} as before`;
  }
  const way = after < before ? 'less' : 'more';
  const share = before > 0 ? ` (${percent((100 * Math.abs(after - before)) / before)} ${way})` : '';
  return `${name} ${write(after)} instead of ${write(before)}${share}`;
}
