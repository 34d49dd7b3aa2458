/** All layers with all figures, as a table that can be sorted. */

import type { PreviewLayer } from '../../protocol';
import type { Scene } from '../scene/scene';
import { type Column, columns, sorted } from '../scene/sorting';
import type { Node, Tree } from '../scene/tree';
import type { Actions } from './actions';
import { el, redrawn, set } from './dom';

/** Rows that are added at a time: all at once would hold up the page. */
const CHUNK = 120;

export class Table {
  readonly element = el('div', { class: 'scroller', role: 'region', 'aria-label': 'All layers', tabindex: 0 });
  private readonly body = el('tbody');
  private readonly head = el('thead');
  private readonly nodes = new WeakMap<Element, Node>();
  private rows = new Map<PreviewLayer, HTMLElement>();
  private drawn: { tree: Tree; model: string; columns: string; order: string } | null = null;
  private filling = 0;
  private scene: Scene | null = null;
  private lit: HTMLElement | null = null;
  /** The layer that was last scrolled to, by its key. */
  private found = '';

  constructor(private readonly actions: Actions) {
    this.element.append(el('table', {}, el('caption', { class: 'unseen' }, 'All layers'), this.head, this.body));
    this.body.addEventListener('click', (event) => this.clicked(event));
  }

  update(scene: Scene): void {
    this.scene = scene;
    const { uri, compare } = scene.model.view;
    const { target } = scene.model;
    const now = {
      tree: scene.tree,
      model: `${uri} ${scene.model.name}`,
      columns: `${target} ${compare ?? ''}`,
      order: JSON.stringify(scene.settings.order),
    };
    const { drawn } = this;
    const shape = drawn?.model === now.model && drawn.columns === now.columns;
    const same = shape && drawn.tree === now.tree;
    if (!shape) {
      this.found = '';
    }
    if (!same) {
      this.rows = new Map();
    }
    if (same && drawn.order === now.order) {
      this.light(scene);
      return;
    }
    this.drawn = now;
    const stays = shape && drawn.order === now.order;
    redrawn(this.element, () => this.draw(scene, columns(target, compare), stays));
  }

  /** Draw all rows; whoever reads them stays where they are, if they may: the same model was only traced again. */
  private draw(scene: Scene, among: Column[], stays: boolean): void {
    const top = stays ? this.element.scrollTop : 0;
    const before = stays ? this.body.childElementCount : 0;
    this.head.replaceChildren(el('tr', {}, ...among.map((column) => this.heading(column, scene))));
    this.body.replaceChildren();
    const leaves = new Map(scene.tree.leaves.map((leaf) => [leaf.layer, leaf]));
    const layers = sorted(scene.tree.layers, among, scene.settings.order);
    clearTimeout(this.filling);
    const fill = (from: number, to: number): void => {
      const rows = layers.slice(from, to).map((layer) => this.rowOf(layer, leaves.get(layer), among, scene));
      this.body.append(...rows);
      if (from === 0) {
        this.element.scrollTop = top;
      }
      if (this.scene !== null) {
        this.light(this.scene);
      }
      if (to < layers.length) {
        this.filling = window.setTimeout(() => fill(to, to + CHUNK));
      }
    };
    fill(0, Math.max(CHUNK, before));
  }

  private heading(column: Column, scene: Scene): HTMLElement {
    const { order } = scene.settings;
    const own = order.column === column.id;
    const sort = own ? (order.down ? 'descending' : 'ascending') : null;
    const arrow = own ? (order.down ? ' ▾' : ' ▴') : '';
    const button = el(
      'button',
      { type: 'button', 'data-name': `column ${column.id}` },
      column.title,
      el('span', { 'aria-hidden': 'true' }, arrow),
    );
    button.addEventListener('click', () => {
      const down = own ? !order.down : column.numeric && column.id !== 'id';
      this.actions.set({ order: { column: column.id, down } });
    });
    return el('th', { scope: 'col', 'aria-sort': sort, class: column.numeric ? 'number' : null }, button);
  }

  private rowOf(layer: PreviewLayer, node: Node | undefined, among: Column[], scene: Scene): HTMLElement {
    const there = this.rows.get(layer);
    if (there !== undefined) {
      return there;
    }
    const row = el('tr');
    for (const column of among) {
      if (column.id === 'path') {
        const link = el('button', { class: 'link', type: 'button' }, layer.path || '(no module)');
        set(link, { 'data-name': node && `layer ${node.key}` });
        const found = node !== undefined && scene.model.findingsOf(node).length > 0;
        const mark = el('span', { class: 'diamond', role: 'img', 'aria-label': 'has findings' }, ' ◆');
        row.append(el('th', { scope: 'row' }, link, found ? mark : null));
      } else {
        row.append(el('td', { class: column.numeric ? 'number' : null }, column.text(layer)));
      }
    }
    if (node !== undefined) {
      this.nodes.set(row, node);
    }
    this.rows.set(layer, row);
    return row;
  }

  private clicked(event: MouseEvent): void {
    const at = event.target instanceof Element ? event.target : null;
    const row = at?.closest('tr');
    const node = row ? this.nodes.get(row) : undefined;
    if (node !== undefined) {
      this.actions.select(node);
      if (at?.closest('button')) {
        this.actions.open(node, true);
      }
    }
  }

  private light(scene: Scene): void {
    const { layer, key } = scene.selected;
    const row = layer === null ? null : (this.rows.get(layer) ?? null);
    if (row === this.lit) {
      return;
    }
    if (this.lit !== null) {
      set(this.lit, { class: null, 'aria-current': null });
    }
    this.lit = row;
    if (layer === null) {
      this.found = '';
    }
    if (row !== null) {
      set(row, { class: 'lit', 'aria-current': 'true' });
      this.find(row, key);
    }
  }

  /** Scroll to the layer that was selected, unless that was done or the keyboard is here. */
  private find(row: HTMLElement, key: string): void {
    if (key !== this.found && !this.element.contains(document.activeElement)) {
      const top = row.offsetTop - this.element.clientHeight / 2;
      this.element.scrollTop = Math.max(0, top);
    }
    this.found = key;
  }
}
