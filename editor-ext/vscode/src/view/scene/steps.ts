/** Memory over time as a step chart: one step a layer, as wide as the chart above has it. */

import type { PreviewLayer } from '../../protocol';
import type { Placing } from './layout';
import type { Node } from './tree';

export interface Steps {
  /** SVG paths: the outline of the known steps, and the area below it. */
  line: string;
  area: string;
  /** Stretches whose memory nobody knows. */
  gaps: { x: number; width: number }[];
}

/** Steps of the layers below `zoom`; `y` says how high so many bytes are, `floor` where none are. */
export function stepsOf(
  zoom: Node,
  layers: readonly PreviewLayer[],
  placing: Placing,
  y: (bytes: number) => number,
  floor: number,
): Steps {
  const line: string[] = [];
  const area: string[] = [];
  const gaps: Steps['gaps'] = [];
  let open = false;
  for (let i = zoom.first; i <= zoom.last; i++) {
    const bytes = layers[i]?.liveBytes ?? null;
    const from = round(placing.edge(i));
    const to = round(placing.edge(i + 1));
    if (bytes === null) {
      gaps.push({ x: from, width: to - from });
      if (open) {
        area.push(`V${floor}Z`);
      }
      open = false;
      continue;
    }
    const top = round(y(bytes));
    line.push(open ? `V${top}H${to}` : `M${from} ${top}H${to}`);
    area.push(open ? `V${top}H${to}` : `M${from} ${floor}V${top}H${to}`);
    open = true;
  }
  if (open) {
    area.push(`V${floor}Z`);
  }
  return { line: line.join(''), area: area.join(''), gaps: joined(gaps) };
}

function joined(gaps: Steps['gaps']): Steps['gaps'] {
  const out: Steps['gaps'] = [];
  for (const gap of gaps) {
    const last = out[out.length - 1];
    if (last !== undefined && Math.abs(last.x + last.width - gap.x) < 0.01) {
      last.width += gap.width;
    } else {
      out.push({ ...gap });
    }
  }
  return out;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Above how many times the peak a limit is only told of, not drawn: it would flatten all else. */
const FAR = 2.5;

export interface Scale {
  /** Bytes at the top of the chart. */
  top: number;
  limit: 'drawn' | 'above' | 'none';
}

/** A scale for a peak and a limit; `other` is a second peak that is drawn too. */
export function scaleOf(peak: number, limit: number | null, other = 0): Scale {
  const most = Math.max(peak, other, 1);
  if (limit === null) {
    return { top: most * 1.12, limit: 'none' };
  }
  return limit > FAR * most
    ? { top: most * 1.12, limit: 'above' }
    : { top: Math.max(most, limit) * 1.12, limit: 'drawn' };
}
