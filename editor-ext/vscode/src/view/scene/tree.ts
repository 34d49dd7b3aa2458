/** The layers of a model as a tree of its modules, in order of execution. */

import type { PreviewLayer } from '../../protocol';

/**
 * A module, or a layer that was executed. A module that runs, pauses and runs again is a node each time: nodes lie side
 * by side as their layers ran, as in a flame chart.
 */
export interface Node {
  /** Names the node also after another trace: its module path, and which of several it is. */
  readonly key: string;
  readonly path: string;
  /** What its parent's name does not say already. */
  readonly name: string;
  readonly depth: number;
  readonly parent: Node | null;
  readonly children: Node[];
  /** Places of its first and last layer in the order of execution. */
  readonly first: number;
  readonly last: number;
  /** The layer of a leaf; null for a module. */
  readonly layer: PreviewLayer | null;
}

export interface Tree {
  readonly root: Node;
  /** In order of execution. */
  readonly layers: readonly PreviewLayer[];
  readonly leaves: readonly Node[];
  /** Modules that stand for several in a row (`features.0` where `features` has nothing else) are found by each. */
  readonly byKey: ReadonlyMap<string, Node>;
  /** How many levels there are, the root's included. */
  readonly levels: number;
}

/** The tree of a model called `name`. */
export function treeOf(name: string, layers: readonly PreviewLayer[]): Tree {
  return new Builder([...layers].sort((a, b) => a.id - b.id)).build(name);
}

class Builder {
  private readonly paths: string[][];
  private readonly containers = new Set<string>();
  private readonly seen = new Map<string, number>();
  private readonly byKey = new Map<string, Node>();
  private readonly leaves: Node[] = [];
  private levels = 1;

  constructor(private readonly layers: readonly PreviewLayer[]) {
    this.paths = layers.map((layer) => (layer.path === '' ? [] : layer.path.split('.')));
    for (const path of this.paths) {
      for (let n = 1; n < path.length; n++) {
        this.containers.add(path.slice(0, n).join('.'));
      }
    }
  }

  build(name: string): Tree {
    const root: Node = {
      key: '',
      path: '',
      name,
      depth: 0,
      parent: null,
      children: [],
      first: 0,
      last: this.layers.length - 1,
      layer: null,
    };
    this.byKey.set('', root);
    this.fill(root, 0, this.layers.length, 0);
    return { root, layers: this.layers, leaves: this.leaves, byKey: this.byKey, levels: this.levels };
  }

  /** Add what the layers from `start` up to `end` are below `parent`, which stands for `used` parts of their paths. */
  private fill(parent: Node, start: number, end: number, used: number): void {
    for (let at = start; at < end;) {
      const part = this.paths[at]?.[used];
      if (part === undefined) {
        this.leaf(parent, at, this.layers[at]?.label ?? '');
        at += 1;
        continue;
      }
      let next = at + 1;
      while (next < end && this.paths[next]?.[used] === part) {
        next += 1;
      }
      if (this.isLayer(at, next, used)) {
        this.leaf(parent, at, part);
      } else {
        this.module(parent, at, next, used);
      }
      at = next;
    }
  }

  /** Whether the run is a module that is one layer, so that the two need not be told apart. */
  private isLayer(start: number, end: number, used: number): boolean {
    const path = this.paths[start] ?? [];
    return end - start === 1 && path.length === used + 1 && !this.containers.has(path.join('.'));
  }

  private module(parent: Node, start: number, end: number, used: number): void {
    const path = this.paths[start] ?? [];
    const upTo = this.common(start, end, used + 1);
    const keys = Array.from({ length: upTo - used }, (_, i) => this.keyOf(path.slice(0, used + 1 + i).join('.'), '~'));
    const node: Node = {
      key: keys[keys.length - 1] ?? '',
      path: path.slice(0, upTo).join('.'),
      name: path.slice(used, upTo).join('.'),
      depth: parent.depth + 1,
      parent,
      children: [],
      first: start,
      last: end - 1,
      layer: null,
    };
    for (const key of keys) {
      this.byKey.set(key, node);
    }
    this.add(node, parent);
    this.fill(node, start, end, upTo);
  }

  /** How many parts of their paths all layers of a run share, where no layer ends earlier and no leaf is left bare. */
  private common(start: number, end: number, atLeast: number): number {
    for (let n = atLeast; ; n++) {
      const part = this.paths[start]?.[n];
      for (let at = start; at < end; at++) {
        if (part === undefined || this.paths[at]?.[n] !== part) {
          return n;
        }
      }
      if (this.isLayer(start, end, n)) {
        return n;
      }
    }
  }

  private leaf(parent: Node, at: number, name: string): void {
    const layer = this.layers[at];
    if (layer === undefined) {
      return;
    }
    const node: Node = {
      key: this.keyOf(layer.path, '#'),
      path: layer.path,
      name,
      depth: parent.depth + 1,
      parent,
      children: [],
      first: at,
      last: at,
      layer,
    };
    this.byKey.set(node.key, node);
    this.leaves.push(node);
    this.add(node, parent);
  }

  private add(node: Node, parent: Node): void {
    parent.children.push(node);
    this.levels = Math.max(this.levels, node.depth + 1);
  }

  private keyOf(path: string, mark: string): string {
    const nth = this.seen.get(path + mark) ?? 0;
    this.seen.set(path + mark, nth + 1);
    return `${path}${mark}${nth}`;
  }
}

/** The node that `key` names, or, where it is gone, the module nearest to where it was. */
export function nearest(tree: Tree, key: string): Node {
  const found = tree.byKey.get(key);
  if (found !== undefined) {
    return found;
  }
  const parts = key.replace(/[#~]\d+$/, '').split('.');
  for (let n = parts.length; n > 0; n--) {
    const path = parts.slice(0, n).join('.');
    const node = tree.byKey.get(`${path}~0`) ?? tree.byKey.get(`${path}#0`);
    if (node !== undefined) {
      return node;
    }
  }
  return tree.root;
}

/** The node that lies over the layer `index`, at most `depth` deep. */
export function at(root: Node, index: number, depth: number): Node {
  let node = root;
  while (node.depth < depth) {
    const below = node.children.find((child) => child.first <= index && index <= child.last);
    if (below === undefined) {
      break;
    }
    node = below;
  }
  return node;
}

/** From the root to the node. */
export function wayTo(node: Node): Node[] {
  return node.parent === null ? [node] : [...wayTo(node.parent), node];
}

/** Whether `node` is `root` or lies below it. */
export function within(node: Node, root: Node): boolean {
  return wayTo(node).includes(root);
}
