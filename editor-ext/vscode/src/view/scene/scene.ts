/** All that one picture of a model shows, worked out from the server's answer and from how the person has the view. */

import type { Finding, Layer, Location, ModelViewResult, Preview, PreviewLayer, Totals } from '../../protocol';
import { place, type Placing } from './layout';
import { Figures } from './measures';
import type { Settings } from './settings';
import { at, nearest, type Node, type Tree, treeOf, wayTo, within } from './tree';

/** An answer of the server with the trees of its layers, and of those of a fix. */
export class Model {
  readonly name: string;
  /** What it is costed on; empty where it has no layers. */
  readonly target: string;
  readonly tree: Tree;
  readonly after: Tree | null;
  private readonly byId = new Map<number, Layer>();
  /** Places of layers in the order of execution that findings are about, with these. */
  private readonly cited: [index: number, findings: Finding[]][] = [];
  readonly changed: ReadonlySet<string>;

  constructor(readonly view: ModelViewResult) {
    for (const layer of view.layers) {
      this.byId.set(layer.id, layer);
    }
    this.name = view.model ?? '';
    this.target = view.target ?? '';
    this.tree = treeOf(this.name, view.layers);
    this.after = view.preview === null ? null : treeOf(this.name, this.previewed(view.preview));
    this.changed = new Set(view.preview?.changed);
    for (const [index, { id }] of this.tree.layers.entries()) {
      const findings = view.findings.filter((finding) => finding.layers.includes(id));
      if (findings.length > 0) {
        this.cited.push([index, findings]);
      }
    }
  }

  /** The layer with its source and findings; of a fix's layers, the one that stands at the same place. */
  layerOf(node: Node): Layer | null {
    if (node.layer === null) {
      return null;
    }
    const own = this.tree.byKey.get(node.key);
    const id = own?.layer?.id;
    return id === undefined ? null : (this.byId.get(id) ?? null);
  }

  /** Where a layer is written. */
  sourceOf(node: Node): Location | null {
    const source = this.layerOf(node)?.source ?? null;
    return source === null ? null : (this.view.sources[source] ?? null);
  }

  /** The layer that a finding is about most of all: the first. */
  nodeOf(finding: Finding): Node | null {
    const id = finding.layers[0];
    return this.tree.leaves.find((leaf) => leaf.layer?.id === id) ?? null;
  }

  findingsOf(node: Node): Finding[] {
    const own = this.tree.byKey.get(node.key);
    if (own === undefined) {
      return [];
    }
    const there = this.cited.filter(([index]) => own.first <= index && index <= own.last);
    return [...new Set(there.flatMap(([, findings]) => findings))];
  }

  finding(id: string | undefined): Finding | null {
    return this.view.findings.find((finding) => finding.id === id) ?? null;
  }

  /** A preview's layers in full. */
  private previewed(preview: Preview): PreviewLayer[] {
    return preview.layers.flatMap((told, id) => {
      const layer = typeof told === 'number' ? this.byId.get(told) : told;
      return layer === undefined ? [] : [{ ...layer, id }];
    });
  }
}

/** What stays as it is while only the selection moves. */
export interface Layout {
  readonly tree: Tree;
  readonly zoom: Node;
  readonly figures: Figures;
  readonly placing: Placing;
  /** Pixels; the placing may take less, where the other side of a fix is longer. */
  readonly width: number;
  readonly totals: Totals | undefined;
  /** The other side of a fix: drawn faintly behind, and what figures are compared with. */
  readonly other: { tree: Tree; zoom: Node; placing: Placing; totals: Totals | undefined } | null;
  /** Whether a fix's outcome is what is shown. */
  readonly fixed: boolean;
  readonly peakAt: number | null;
}

export interface Scene extends Layout {
  readonly model: Model;
  readonly settings: Settings;
  readonly selected: Node;
  readonly layout: Layout;
}

/** The scene; of the one `before` what did not change is kept. */
export function sceneOf(model: Model, settings: Settings, width: number, before: Scene | null = null): Scene {
  const same =
    before !== null &&
    before.model === model &&
    before.width === width &&
    (['measure', 'zoom', 'side'] as const).every((key) => before.settings[key] === settings[key]);
  const layout = same ? before.layout : layoutOf(model, settings, width);
  const selected = shownSelection(layout.tree, settings.selected, layout.zoom);
  return { ...layout, model, settings, selected, layout };
}

function layoutOf(model: Model, settings: Settings, width: number): Layout {
  const { view } = model;
  const fixed = model.after !== null && settings.side === 'after';
  const tree = fixed ? model.after : model.tree;
  const otherTree = model.after === null ? null : fixed ? model.tree : model.after;
  const zoom = shownZoom(tree, settings.zoom);
  const figures = new Figures(tree.layers, settings.measure, model.target);
  const totals = (fixed ? view.preview?.totals : view.totals)?.[model.target];
  if (otherTree === null) {
    const placing = place(zoom, figures, width);
    return { tree, zoom, figures, placing, width, totals, other: null, fixed, peakAt: view.peakAt };
  }
  const otherZoom = shownZoom(otherTree, settings.zoom);
  const otherFigures = new Figures(otherTree.layers, settings.measure, model.target);
  const full = Math.max(figures.of(zoom).value ?? 0, otherFigures.of(otherZoom).value ?? 0);
  const other = {
    tree: otherTree,
    zoom: otherZoom,
    placing: place(otherZoom, otherFigures, width, full),
    totals: (fixed ? view.totals : view.preview?.totals)?.[model.target],
  };
  const placing = place(zoom, figures, width, full);
  const peakAt = (fixed ? view.preview : view)?.peakAt ?? null;
  return { tree, zoom, figures, placing, width, totals, other, fixed, peakAt };
}

/** A module to zoom into: a layer has nothing below it. */
function shownZoom(tree: Tree, key: string): Node {
  const node = nearest(tree, key);
  return node.layer !== null && node.parent !== null ? node.parent : node;
}

function shownSelection(tree: Tree, key: string, zoom: Node): Node {
  const node = nearest(tree, key);
  return within(node, zoom) ? node : zoom;
}

/** The layer at which most memory lives; null where nothing is known. */
export function peakOf(layers: readonly PreviewLayer[]): number | null {
  let most: PreviewLayer | null = null;
  for (const layer of layers) {
    if (layer.liveBytes !== null && layer.liveBytes > (most?.liveBytes ?? -1)) {
      most = layer;
    }
  }
  return most?.id ?? null;
}

/** The leaf of the layer `index` in the order of execution. */
export function leafAt(scene: Scene, index: number): Node {
  return at(scene.zoom, index, Number.MAX_SAFE_INTEGER);
}

/** `features.3.conv.0`, the model's name for the whole. */
export function titleOf(node: Node): string {
  return node.parent === null ? node.name : node.path || node.name;
}

/** The modules above the zoomed one, it included: where one may go back to. */
export function crumbs(scene: Scene): Node[] {
  return wayTo(scene.zoom);
}
