/** What is known of the selected layer or module. */

import type { PreviewLayer } from '../../protocol';
import { FAMILIES, familyOf } from '../scene/families';
import { count, fileOf, plural, size, time } from '../scene/format';
import { Figures, type Measure, MEASURES } from '../scene/measures';
import { ratioOf, times } from '../scene/ratio';
import { type Scene, titleOf } from '../scene/scene';
import type { Node } from '../scene/tree';
import type { Actions } from './actions';
import { el, redrawn } from './dom';

export class Details {
  readonly element = el('section', { class: 'details', 'aria-label': 'Selected' });

  constructor(private readonly actions: Actions) {}

  update(scene: Scene): void {
    const node = scene.selected;
    const parts = [
      this.head(node, scene),
      el('dl', { class: 'facts' }, ...facts(node, scene)),
      ...this.found(node, scene),
    ];
    redrawn(this.element, () => this.element.replaceChildren(...parts));
  }

  private head(node: Node, scene: Scene): HTMLElement {
    const source = scene.model.sourceOf(node);
    const kind = node.layer === null ? plural(node.last - node.first + 1, 'layer') : node.layer.label;
    const family = node.layer === null ? null : familyOf(node.layer.label);
    const head = el(
      'div',
      { class: 'head' },
      family === null ? null : el('span', { class: `swatch ${family}`, 'aria-hidden': 'true' }),
      el('h2', {}, titleOf(node)),
      el('span', { class: 'kind' }, family === null ? kind : `${kind} · ${FAMILIES[family].toLowerCase()}`),
    );
    if (source !== null) {
      const place = `${fileOf(source.uri)}:${source.range.start.line + 1}`;
      const link = el('button', { class: 'link', type: 'button', 'data-name': 'source' }, place);
      link.addEventListener('click', () => this.actions.open(node, false));
      head.append(link);
    }
    if (node.children.length > 0 && node !== scene.zoom) {
      const zoom = el('button', { class: 'link', type: 'button', 'data-name': 'zoom' }, 'Zoom in');
      zoom.addEventListener('click', () => this.actions.zoom(node));
      head.append(zoom);
    }
    return head;
  }

  private found(node: Node, scene: Scene): HTMLElement[] {
    return node.layer === null
      ? []
      : scene.model.findingsOf(node).map((finding) => {
          const fix = finding.fix?.title ?? '';
          return el(
            'p',
            { class: 'finding' },
            el('span', { class: 'diamond', 'aria-hidden': 'true' }, '◆ '),
            el('strong', {}, `${finding.code} `),
            fix || finding.message,
          );
        });
  }
}

function facts(node: Node, scene: Scene): HTMLElement[] {
  const { view, target } = scene.model;
  const out: HTMLElement[] = [];
  if (node.layer !== null) {
    out.push(fact('Shapes', `${node.layer.inputs || '–'} → ${node.layer.output || '–'}`));
  }
  out.push(fact(view.compare === null ? 'Latency' : target, ofMeasure(node, scene, 'latency', target)));
  if (view.compare !== null) {
    out.push(
      fact(
        view.compare,
        ofMeasure(node, scene, 'latency', view.compare),
        ratioText(node.layer, target, view.compare),
      ),
    );
  }
  const other = counterpart(node, scene);
  const was = (write: (n: number | null) => string, key: 'liveBytes' | 'params' | 'macs'): string =>
    other === null || node.layer === null || other[key] === node.layer[key]
      ? ''
      : `${scene.fixed ? 'was' : 'with the fix'} ${write(other[key])}`;
  out.push(
    fact(
      node.layer === null ? 'Most live memory' : MEASURES.memory,
      ofMeasure(node, scene, 'memory', target),
      was(size, 'liveBytes'),
    ),
  );
  out.push(fact(MEASURES.params, ofMeasure(node, scene, 'params', target), was(count, 'params')));
  out.push(fact(MEASURES.macs, ofMeasure(node, scene, 'macs', target), was(count, 'macs')));
  if (other !== null && node.layer !== null) {
    const before = other.latencyUs[target] ?? null;
    if (before !== (node.layer.latencyUs[target] ?? null)) {
      out.splice(
        1,
        0,
        fact(
          scene.fixed ? 'Before the fix' : 'With the fix',
          `${time(before)} · ${other.inputs || '–'} → ${other.output || '–'}`,
        ),
      );
    }
  }
  return out;
}

/** The same layer on the other side of a fix. */
function counterpart(node: Node, scene: Scene): PreviewLayer | null {
  return scene.other?.tree.byKey.get(node.key)?.layer ?? null;
}

function ofMeasure(node: Node, scene: Scene, measure: Measure, target: string): string {
  const figures =
    measure === scene.figures.measure && target === scene.model.target
      ? scene.figures
      : new Figures(scene.tree.layers, measure, target);
  const figure = figures.of(node);
  const share = measure === 'latency' || measure === 'memory' ? figures.share(figure) : '';
  return figures.text(figure) + (share && node.parent !== null ? ` (${share})` : '');
}

function ratioText(layer: PreviewLayer | null, target: string, compare: string): string {
  const ratio = layer === null ? null : ratioOf(layer.latencyUs[target], layer.latencyUs[compare]);
  return ratio === null ? '' : times(ratio);
}

function fact(name: string, value: string, more = ''): HTMLElement {
  return el('div', {}, el('dt', {}, name), el('dd', {}, value, more ? el('span', { class: 'was' }, ` ${more}`) : null));
}
