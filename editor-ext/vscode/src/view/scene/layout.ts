/** Where things lie along the chart: each layer's width, and the boxes that can be seen. */

import { type Family, familyOf } from './families';
import type { Figures } from './measures';
import type { Node } from './tree';

/** Pixels that a layer without a figure is given, and at most how much of the chart all of these may take. */
const UNKNOWN_WIDTH = 18;
const UNKNOWN_SHARE = 0.25;
/** The same for layers that cost nothing by themselves, or next to nothing. */
const SMALL_WIDTH = 1.25;
const SMALL_SHARE = 0.15;

/** The edges of layers from `first` on, in pixels: layer `i` lies from `edge(i)` to `edge(i + 1)`. */
export class Placing {
  constructor(
    readonly first: number,
    private readonly edges: readonly number[],
  ) {}

  get width(): number {
    return this.edges[this.edges.length - 1] ?? 0;
  }

  edge(index: number): number {
    const at = Math.min(Math.max(index - this.first, 0), this.edges.length - 1);
    return this.edges[at] ?? 0;
  }

  left(node: Node): number {
    return this.edge(node.first);
  }

  widthOf(node: Node): number {
    return this.edge(node.last + 1) - this.edge(node.first);
  }

  /** The layer that lies at `x`. */
  layerAt(x: number): number {
    let low = 0;
    let high = Math.max(this.edges.length - 2, 0);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.edges[middle] ?? 0) <= x) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return this.first + low;
  }
}

/**
 * Lay out the layers below `zoom` over `width` pixels. Widths are as the figures; those too small to see, and those that
 * nobody knows, have a width of their own. Live memory is no sum: there each layer has the same width.
 *
 * `full` is the figure that would fill the width, where that is more than these layers' own.
 */
export function place(zoom: Node, figures: Figures, width: number, full = 0): Placing {
  const values = figures.values.slice(zoom.first, zoom.last + 1);
  const even = figures.measure === 'memory' || values.every((value) => !value);
  const widths = even ? values.map(() => width / Math.max(values.length, 1)) : proportional(values, width, full);
  const edges = [0];
  let x = 0;
  for (const one of widths) {
    x += one;
    edges.push(x);
  }
  return new Placing(zoom.first, edges);
}

function proportional(values: readonly (number | null)[], width: number, full: number): number[] {
  const unknown = values.filter((value) => value === null).length;
  const gap = unknown === 0 ? 0 : Math.min(UNKNOWN_WIDTH, (UNKNOWN_SHARE * width) / unknown);
  const least = Math.min(SMALL_WIDTH, (SMALL_SHARE * width) / values.length);
  const known = values.filter((value): value is number => value !== null);
  const sum = known.reduce((a, b) => a + b, 0);
  const room = (width - gap * unknown) * (full > sum ? sum / full : 1);
  const scale = scaleOf(known, room, least);
  return values.map((value) => (value === null ? gap : Math.max(least, value * scale)));
}

/** Pixels for a unit, so that all take `room` together and none less than `least`. */
function scaleOf(values: readonly number[], room: number, least: number): number {
  const rising = [...values].sort((a, b) => a - b);
  let rest = rising.reduce((a, b) => a + b, 0);
  let left = room;
  for (const value of rising) {
    const scale = left / rest;
    if (value * scale >= least) {
      return scale;
    }
    rest -= value;
    left -= least;
  }
  return 0;
}

export interface Box {
  /** Null stands for layers side by side that are too narrow to be drawn one by one. */
  node: Node | null;
  key: string;
  x: number;
  width: number;
  /** The level below the zoomed node's. */
  row: number;
  /** Of a layer, or of most that is drawn as one; null for a module. */
  family: Family | null;
}

/** The boxes below and with `zoom` that are wide enough to be seen, and those that `always` names, parents first. */
export function boxes(zoom: Node, placing: Placing, always: ReadonlySet<string>): Box[] {
  const out: Box[] = [];
  const visit = (node: Node): void => {
    out.push(boxOf(node, zoom, placing));
    const crowd = new Crowd(out, placing, node.depth + 1 - zoom.depth);
    for (const child of node.children) {
      if (placing.widthOf(child) >= 1 || wanted(child, always)) {
        crowd.end();
        visit(child);
      } else {
        crowd.add(child);
      }
    }
    crowd.end();
  };
  visit(zoom);
  return out;
}

export function boxOf(node: Node, zoom: Node, placing: Placing): Box {
  const family = node.layer === null ? null : familyOf(node.layer.label);
  return {
    node,
    key: node.key,
    x: placing.left(node),
    width: placing.widthOf(node),
    row: node.depth - zoom.depth,
    family,
  };
}

function wanted(node: Node, keys: ReadonlySet<string>): boolean {
  return keys.has(node.key) || node.children.some((child) => wanted(child, keys));
}

/** Collects nodes side by side that are too narrow, and draws them as one. */
class Crowd {
  private from: Node | null = null;
  private to: Node | null = null;
  private readonly widths = new Map<Family, number>();

  constructor(
    private readonly out: Box[],
    private readonly placing: Placing,
    private readonly row: number,
  ) {}

  add(node: Node): void {
    this.from ??= node;
    this.to = node;
    this.count(node);
  }

  private count(node: Node): void {
    node.children.forEach((child) => this.count(child));
    if (node.layer !== null) {
      const family = familyOf(node.layer.label);
      this.widths.set(family, (this.widths.get(family) ?? 0) + this.placing.widthOf(node));
    }
  }

  end(): void {
    if (this.from !== null && this.to !== null) {
      const x = this.placing.left(this.from);
      const width = this.placing.edge(this.to.last + 1) - x;
      if (width >= 1) {
        const [family] = [...this.widths].reduce((most, one) => (one[1] > most[1] ? one : most));
        this.out.push({ node: null, key: `crowd ${this.from.key}`, x, width, row: this.row, family });
      }
    }
    this.from = null;
    this.to = null;
    this.widths.clear();
  }
}
