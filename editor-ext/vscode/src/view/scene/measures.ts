/** What layers are compared by, and what that is for a module: a sum, or for memory the most that lives at once. */

import type { PreviewLayer } from '../../protocol';
import { count, percent, plural, size, time, uncounted, UNKNOWN } from './format';
import type { Node } from './tree';

export type Measure = 'latency' | 'memory' | 'params' | 'macs';

export const MEASURES: Record<Measure, string> = {
  latency: 'Latency',
  memory: 'Live memory',
  params: 'Parameters',
  macs: 'MACs',
};

const WRITTEN: Record<Measure, (value: number | null) => string> = {
  latency: time,
  memory: size,
  params: count,
  macs: count,
};

/** What a layer costs by a measure; null where nobody knows. */
function costOf(layer: PreviewLayer, measure: Measure, target: string): number | null {
  switch (measure) {
    case 'latency':
      return layer.latencyUs[target] ?? null;
    case 'memory':
      return layer.liveBytes;
    case 'params':
      return layer.params;
    case 'macs':
      return layer.macs;
  }
}

export interface Figure {
  /** Of the layers that are known; null where none is. */
  value: number | null;
  /** How many layers have no figure. */
  unknown: number;
}

/** Figures of nodes by one measure, from sums made once. */
export class Figures {
  readonly values: readonly (number | null)[];
  private readonly sums: number[] = [0];
  private readonly gaps: number[] = [0];
  readonly total: Figure;

  constructor(
    layers: readonly PreviewLayer[],
    readonly measure: Measure,
    target: string,
  ) {
    this.values = layers.map((layer) => costOf(layer, measure, target));
    let sum = 0;
    let gap = 0;
    for (const value of this.values) {
      sum += value ?? 0;
      gap += value === null ? 1 : 0;
      this.sums.push(sum);
      this.gaps.push(gap);
    }
    this.total = this.between(0, this.values.length - 1);
  }

  of(node: Node): Figure {
    return this.between(node.first, node.last);
  }

  between(first: number, last: number): Figure {
    const unknown = (this.gaps[last + 1] ?? 0) - (this.gaps[first] ?? 0);
    if (unknown >= last + 1 - first) {
      return { value: null, unknown };
    }
    if (this.measure === 'memory') {
      const known = this.values.slice(first, last + 1).map((value) => value ?? 0);
      return { value: known.reduce((a, b) => Math.max(a, b), 0), unknown };
    }
    return { value: (this.sums[last + 1] ?? 0) - (this.sums[first] ?? 0), unknown };
  }

  /** `0.31 ms + 2 uncounted`; `?` where nothing is known. */
  text(figure: Figure): string {
    if (figure.value === null) {
      return UNKNOWN;
    }
    const missing = this.measure === 'memory' ? '' : uncounted(figure.unknown);
    return `${WRITTEN[this.measure](figure.value)}${missing}`;
  }

  /** `12 % of the model`; empty where that says nothing. */
  share(figure: Figure): string {
    if (figure.value === null || !this.total.value) {
      return '';
    }
    const share = percent((100 * figure.value) / this.total.value);
    return this.measure === 'memory' ? `${share} of the peak` : `${share} of the model`;
  }

  /** The figure as a sentence's part for who cannot see the chart. */
  spoken(figure: Figure): string {
    if (figure.value === null) {
      return `${MEASURES[this.measure]} unknown`;
    }
    const gaps = figure.unknown > 0 ? `, unknown for ${plural(figure.unknown, 'layer')}` : '';
    const share = this.share(figure);
    return `${WRITTEN[this.measure](figure.value)}${share && `, ${share}`}${gaps}`;
  }
}
