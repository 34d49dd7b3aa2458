/** The table of all layers: its columns, and their order. */

import type { PreviewLayer } from '../../protocol';
import { count, size, time } from './format';
import { ratioOf, times } from './ratio';

export interface Column {
  id: string;
  title: string;
  numeric: boolean;
  value(layer: PreviewLayer): number | string | null;
  text(layer: PreviewLayer): string;
}

/** The columns for a target, and for a second one where two are compared. */
export function columns(target: string, compare: string | null): Column[] {
  const on = (name: string, title: string): Column => ({
    id: `latency ${name}`,
    title,
    numeric: true,
    value: (layer) => layer.latencyUs[name] ?? null,
    text: (layer) => time(layer.latencyUs[name] ?? null),
  });
  const words = (id: 'path' | 'label' | 'inputs' | 'output', title: string): Column => ({
    id,
    title,
    numeric: false,
    value: (layer) => layer[id],
    text: (layer) => layer[id],
  });
  const figure = (id: 'params' | 'macs' | 'liveBytes', title: string, write: (n: number | null) => string): Column => ({
    id,
    title,
    numeric: true,
    value: (layer) => layer[id],
    text: (layer) => write(layer[id]),
  });
  const ratio = (other: string): Column => ({
    id: 'ratio',
    title: 'Ratio',
    numeric: true,
    value: (layer) => ratioOf(layer.latencyUs[target], layer.latencyUs[other]),
    text: (layer) => times(ratioOf(layer.latencyUs[target], layer.latencyUs[other])),
  });
  return [
    { id: 'id', title: '#', numeric: true, value: (layer) => layer.id, text: (layer) => String(layer.id + 1) },
    words('path', 'Module'),
    words('label', 'Layer'),
    on(target, compare === null ? 'Latency' : target),
    ...(compare === null ? [] : [on(compare, compare), ratio(compare)]),
    figure('liveBytes', 'Live', size),
    figure('params', 'Params', count),
    figure('macs', 'MACs', count),
    words('inputs', 'In'),
    words('output', 'Out'),
  ];
}

export interface Order {
  column: string;
  down: boolean;
}

const NATURAL = new Intl.Collator('en', { numeric: true });

/** The layers in an order. What is unknown comes last either way; equals stay in order of execution. */
export function sorted<L extends PreviewLayer>(layers: readonly L[], among: readonly Column[], order: Order): L[] {
  const column = among.find((one) => one.id === order.column) ?? among[0];
  if (column === undefined) {
    return [...layers];
  }
  const sign = order.down ? -1 : 1;
  return [...layers].sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (x === null || y === null) {
      return x === y ? a.id - b.id : x === null ? 1 : -1;
    }
    const by = typeof x === 'number' && typeof y === 'number' ? x - y : NATURAL.compare(String(x), String(y));
    return sign * by || a.id - b.id;
  });
}
