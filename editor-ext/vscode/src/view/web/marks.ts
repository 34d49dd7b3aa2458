/** Where findings stand along the chart. The mouse may pick them here; the list below has them for the keyboard. */

import type { Finding } from '../../protocol';
import type { Scene } from '../scene/scene';
import type { Actions } from './actions';
import { set, svg } from './dom';

const HEIGHT = 14;
/** Marks nearer than this are drawn as one. */
const NEAR = 9;

export class Marks {
  readonly element = svg('svg', { class: 'marks', height: HEIGHT, 'aria-hidden': 'true' });

  constructor(private readonly actions: Actions) {}

  update(scene: Scene, width: number): void {
    set(this.element, { width, viewBox: `0 0 ${Math.max(width, 1)} ${HEIGHT}` });
    const places = scene.model.view.findings.flatMap((finding) => placesOf(finding, scene));
    places.sort((a, b) => a.x - b.x);
    const drawn: { x: number; found: Finding[] }[] = [];
    for (const { x, finding } of places) {
      const last = drawn[drawn.length - 1];
      if (last !== undefined && x - last.x < NEAR) {
        last.found.push(finding);
      } else {
        drawn.push({ x, found: [finding] });
      }
    }
    this.element.replaceChildren(...drawn.map(({ x, found }) => this.mark(x, found, scene)));
  }

  private mark(x: number, found: Finding[], scene: Scene): SVGElement {
    const about = scene.model.findingsOf(scene.selected);
    const lit = found.some((finding) => about.includes(finding)) && scene.selected.layer !== null;
    const codes = [...new Set(found.map((finding) => finding.code))].join(', ');
    const middle = Math.min(Math.max(x, 5), Number(this.element.getAttribute('width')) - 5);
    const mark = svg(
      'path',
      { class: lit ? 'mark lit' : 'mark', d: `M${middle} 2l5 5l-5 5l-5 -5z` },
      svg('title', {}, codes),
    );
    mark.addEventListener('click', () => {
      const node = found[0] && this.actions.layerOf(found[0]);
      if (node) {
        this.actions.select(node);
        this.actions.set({ tab: 'findings' });
      }
    });
    return mark;
  }
}

function placesOf(finding: Finding, scene: Scene): { x: number; finding: Finding }[] {
  const ids = new Set(finding.layers);
  return scene.model.tree.leaves.flatMap((leaf) => {
    const own = leaf.layer !== null && ids.has(leaf.layer.id) ? scene.tree.byKey.get(leaf.key) : undefined;
    if (own === undefined || own.first < scene.zoom.first || own.last > scene.zoom.last) {
      return [];
    }
    return [{ x: scene.placing.left(own) + scene.placing.widthOf(own) / 2, finding }];
  });
}
