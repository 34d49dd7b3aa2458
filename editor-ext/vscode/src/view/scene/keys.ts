/** Where arrow keys lead in the chart: it is a tree that lies on its side, so left and right stay on a level. */

import { at, type Node } from './tree';

/** The node that a key leads to from `node`, none above `zoom`; null where the key means nothing. */
export function led(key: string, node: Node, zoom: Node): Node | null {
  switch (key) {
    case 'ArrowLeft':
      return node.first > zoom.first ? at(zoom, node.first - 1, node.depth) : node;
    case 'ArrowRight':
      return node.last < zoom.last ? at(zoom, node.last + 1, node.depth) : node;
    case 'ArrowDown':
      return node.children[0] ?? node;
    case 'ArrowUp':
      return node === zoom || node.parent === null ? node : node.parent;
    case 'Home':
      return at(zoom, zoom.first, node.depth);
    case 'End':
      return at(zoom, zoom.last, node.depth);
    default:
      return null;
  }
}

/** The layer that a key leads to from the layer `index` in a chart of the layers `first` to `last`; null as above. */
export function stepped(key: string, index: number, first: number, last: number): number | null {
  const page = Math.max(1, Math.round((last - first) / 10));
  const moves: Record<string, number> = {
    ArrowLeft: index - 1,
    ArrowDown: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index + 1,
    PageDown: index - page,
    PageUp: index + page,
    Home: first,
    End: last,
  };
  const to = moves[key];
  return to === undefined ? null : Math.min(Math.max(to, first), last);
}
