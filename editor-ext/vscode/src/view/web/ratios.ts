/** Two targets compared layer by layer: bars above the line take longer on the other one, bars below it less long. */

import { level, ratioOf, reachOf, times } from '../scene/ratio';
import type { Scene } from '../scene/scene';
import { el, say, set, svg } from './dom';

const HEIGHT = 64;
const MIDDLE = HEIGHT / 2;
/** From the line to the highest bar. */
const RISE = MIDDLE - 7;

export class Ratios {
  readonly element: HTMLElement;
  private readonly caption = el('span');
  private readonly picture = svg('svg', { height: HEIGHT, 'aria-hidden': 'true' });

  constructor() {
    const head = el('div', { class: 'caption' }, el('h2', {}, 'Ratio'), this.caption);
    this.element = el('section', { class: 'strip ratios', 'aria-label': 'Comparison of two targets' }, head, this.picture);
  }

  update(scene: Scene, width: number): void {
    const { target, compare } = scene.model.view;
    set(this.element, { hidden: compare === null });
    if (compare === null) {
      return;
    }
    const ratios = scene.tree.layers
      .slice(scene.zoom.first, scene.zoom.last + 1)
      .map((layer) => ratioOf(layer.latencyUs[target], layer.latencyUs[compare]));
    const reach = reachOf(ratios);
    say(this.caption, `${compare} to ${target}: above the line slower on ${compare}, below it faster`);
    set(this.picture, { width, viewBox: `0 0 ${Math.max(width, 1)} ${HEIGHT}` });
    this.picture.replaceChildren(
      ...this.scale(reach, width),
      ...ratios.flatMap((ratio, i) => bar(ratio, reach, scene, scene.zoom.first + i)),
      svg('path', { class: 'axis', d: `M0 ${MIDDLE}H${width}` }),
      ...this.labels(reach),
    );
  }

  private scale(reach: number, width: number): SVGElement[] {
    return [-1, 1].map((side) => {
      const y = MIDDLE - side * RISE;
      return svg('path', { class: 'grid', d: `M0 ${y}H${width}`, 'data-reach': reach });
    });
  }

  private labels(reach: number): SVGElement[] {
    const label = (y: number, text: string): SVGElement => svg('text', { class: 'tick', x: 4, y }, text);
    return [label(MIDDLE - RISE + 10, times(2 ** reach)), label(MIDDLE + RISE - 3, times(2 ** -reach))];
  }
}

function bar(ratio: number | null, reach: number, scene: Scene, index: number): SVGElement[] {
  const x = scene.placing.edge(index);
  const width = scene.placing.edge(index + 1) - x;
  if (ratio === null || width < 0.4) {
    return [];
  }
  const height = level(ratio, reach) * RISE;
  const selected = index >= scene.selected.first && index <= scene.selected.last && scene.selected !== scene.zoom;
  return [
    svg('rect', {
      class: `bar ${height > 0 ? 'slower' : 'faster'}${selected ? ' lit' : ''}`,
      x: x + Math.min(0.5, width / 8),
      y: height > 0 ? MIDDLE - height : MIDDLE,
      width: Math.max(0.5, width - Math.min(1, width / 4)),
      height: Math.max(1, Math.abs(height)),
    }),
  ];
}
