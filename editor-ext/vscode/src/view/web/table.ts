/** All layers with all figures, as a table that can be sorted. */

import type { PreviewLayer } from '../../protocol';
import type { Scene } from '../scene/scene';
import { type Column, columns, sorted } from '../scene/sorting';
import type { Node, Tree } from '../scene/tree';
import type { Actions } from './actions';
import { el, set } from './dom';

export class Table {
  readonly element = el('div', { class: 'scroller', role: 'region', 'aria-label': 'All layers', tabindex: 0 });
  private readonly body = el('tbody');
  private readonly head = el('thead');
  private rows = new Map<string, HTMLElement>();
  private drawn: { tree: Tree; order: string } | null = null;
  private lit: HTMLElement | null = null;

  constructor(private readonly actions: Actions) {
    this.element.append(el('table', {}, el('caption', { class: 'unseen' }, 'All layers'), this.head, this.body));
  }

  update(scene: Scene): void {
    const { target, compare } = scene.model.view;
    const order = JSON.stringify([scene.settings.order, target, compare]);
    if (this.drawn?.tree !== scene.tree || this.drawn.order !== order) {
      this.drawn = { tree: scene.tree, order };
      this.draw(scene, columns(target, compare));
    }
    this.light(scene);
  }

  private draw(scene: Scene, among: Column[]): void {
    const { order } = scene.settings;
    this.head.replaceChildren(el('tr', {}, ...among.map((column) => this.heading(column, scene))));
    const nodes = new Map(scene.tree.leaves.map((leaf) => [leaf.layer, leaf]));
    this.rows = new Map();
    this.body.replaceChildren(
      ...sorted(scene.tree.layers, among, order).flatMap((layer) => {
        const node = nodes.get(layer);
        return node === undefined ? [] : [this.row(layer, node, among, scene)];
      }),
    );
  }

  private heading(column: Column, scene: Scene): HTMLElement {
    const { order } = scene.settings;
    const own = order.column === column.id;
    const sort = own ? (order.down ? 'descending' : 'ascending') : null;
    const arrow = own ? (order.down ? ' ▾' : ' ▴') : '';
    const button = el('button', { type: 'button' }, column.title, el('span', { 'aria-hidden': 'true' }, arrow));
    button.addEventListener('click', () => {
      const down = own ? !order.down : column.numeric && column.id !== 'id';
      this.actions.set({ order: { column: column.id, down } });
      const again = this.head.querySelector<HTMLElement>(`[data-column="${CSS.escape(column.id)}"] button`);
      again?.focus();
    });
    return el(
      'th',
      { scope: 'col', 'aria-sort': sort, 'data-column': column.id, class: column.numeric ? 'number' : '' },
      button,
    );
  }

  private row(layer: PreviewLayer, node: Node, among: Column[], scene: Scene): HTMLElement {
    const found = scene.model.findingsOf(node).length > 0;
    const cells = among.map((column) => {
      if (column.id !== 'path') {
        return el('td', { class: column.numeric ? 'number' : '' }, column.text(layer));
      }
      const link = el('button', { class: 'link', type: 'button' }, layer.path || '(no module)');
      const mark = found ? el('span', { class: 'diamond', role: 'img', 'aria-label': 'has findings' }, ' ◆') : null;
      return el('th', { scope: 'row' }, link, mark);
    });
    const row = el('tr', {}, ...cells);
    row.addEventListener('click', (event) => {
      this.actions.select(node);
      if (event.target instanceof Element && event.target.closest('button') !== null) {
        this.actions.open(node, true);
      }
    });
    this.rows.set(node.key, row);
    return row;
  }

  private light(scene: Scene): void {
    const row = this.rows.get(scene.selected.key) ?? null;
    if (row === this.lit) {
      return;
    }
    if (this.lit !== null) {
      set(this.lit, { class: null, 'aria-current': null });
    }
    this.lit = row;
    if (row !== null) {
      set(row, { class: 'lit', 'aria-current': 'true' });
      if (!this.element.contains(document.activeElement)) {
        const top = row.offsetTop - this.element.clientHeight / 2;
        this.element.scrollTop = Math.max(0, top);
      }
    }
  }
}
