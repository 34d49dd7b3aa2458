/** How the person has the view: what is kept while it is hidden and when the window is loaded again. */

import { readSaved, type Saved } from '../messages';
import { type Measure, MEASURES } from './measures';
import type { Order } from './sorting';

export type Tab = 'findings' | 'layers';

export interface Settings extends Saved {
  measure: Measure;
  /** Keys of nodes. */
  zoom: string;
  selected: string;
  tab: Tab;
  order: Order;
  /** Which side of a fix is shown. */
  side: 'before' | 'after';
}

export const FRESH: Settings = {
  uri: '',
  pinned: false,
  wish: {},
  measure: 'latency',
  zoom: '',
  selected: '',
  tab: 'findings',
  order: { column: 'id', down: false },
  side: 'after',
};

/** Settings that were kept; what is not understood is as in a fresh view. */
export function readSettings(value: unknown): Settings {
  const saved = readSaved(value);
  if (saved === null) {
    return FRESH;
  }
  const plain = value as Record<string, unknown>;
  const text = (key: 'zoom' | 'selected'): string => {
    const said = plain[key];
    return typeof said === 'string' ? said : '';
  };
  return {
    ...saved,
    measure: typeof plain.measure === 'string' && plain.measure in MEASURES ? (plain.measure as Measure) : 'latency',
    zoom: text('zoom'),
    selected: text('selected'),
    tab: plain.tab === 'layers' ? 'layers' : 'findings',
    order: readOrder(plain.order),
    side: plain.side === 'before' ? 'before' : 'after',
  };
}

function readOrder(value: unknown): Order {
  if (typeof value !== 'object' || value === null) {
    return FRESH.order;
  }
  const { column, down } = value as Record<string, unknown>;
  return typeof column === 'string' ? { column, down: down === true } : FRESH.order;
}
