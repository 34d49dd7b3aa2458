/** Two targets compared layer by layer: bars above the line take longer on the other one, bars below it less long. */

import { level, ratioOf, type Reach, reachOf, times } from '../scene/ratio';
import type { Scene } from '../scene/scene';
import { el, say, set, svg } from './dom';
import { Strip } from './strip';

const HEIGHT = 60;
/** Free above the highest bar and below the lowest. */
const RIM = 6;

export class Ratios {
  readonly element: HTMLElement;
  private readonly caption = el('span');
  private readonly strip = new Strip(HEIGHT);

  constructor() {
    const head = el('div', { class: 'caption' }, el('h2', {}, 'Ratio'), this.caption);
    const label = 'Comparison of two targets';
    this.element = el('section', { class: 'strip ratios', 'aria-label': label }, head, this.strip.element);
  }

  update(scene: Scene, width: number): void {
    const { target, view } = scene.model;
    const { compare } = view;
    set(this.element, { hidden: compare === null });
    if (compare === null) {
      return;
    }
    say(this.caption, `${compare} to ${target}: above the line slower on ${compare}, below it faster`);
    this.strip.update(scene, width, () => drawn(scene, target, compare, width));
  }
}

function drawn(scene: Scene, target: string, compare: string, width: number): SVGElement[] {
  const ratios = scene.tree.layers
    .slice(scene.zoom.first, scene.zoom.last + 1)
    .map((layer) => ratioOf(layer.latencyUs[target], layer.latencyUs[compare]));
  const reach = reachOf(ratios);
  const y = (ratio: number): number => HEIGHT - RIM - level(ratio, reach) * (HEIGHT - 2 * RIM);
  const middle = Math.round(y(1)) + 0.5;
  return [
    ...ratios.flatMap((ratio, i) => bar(ratio, y, middle, scene, scene.zoom.first + i)),
    svg('path', { class: 'axis', d: `M0 ${middle}H${width}` }),
    ...ticks(reach, y, width),
  ];
}

function ticks(reach: Reach, y: (ratio: number) => number, width: number): SVGElement[] {
  const ends = [...(reach.up > 0 ? [2 ** reach.up] : []), ...(reach.down > 0 ? [2 ** -reach.down] : [])];
  return ends.flatMap((ratio) => {
    const at = Math.round(y(ratio)) + 0.5;
    const text = svg('text', { class: 'tick', x: 4, y: ratio > 1 ? at + 11 : at - 3 }, times(ratio));
    return [svg('path', { class: 'grid', d: `M0 ${at}H${width}` }), text];
  });
}

function bar(
  ratio: number | null,
  y: (ratio: number) => number,
  middle: number,
  scene: Scene,
  index: number,
): SVGElement[] {
  const x = scene.placing.edge(index);
  const width = scene.placing.edge(index + 1) - x;
  if (ratio === null || width < 0.4) {
    return [];
  }
  const top = Math.min(y(ratio), middle);
  const height = Math.max(1, Math.abs(y(ratio) - middle));
  const side = ratio > 1 ? 'slower' : 'faster';
  return [svg('rect', { class: side, x, y: top, width: Math.max(0.5, width - Math.min(1, width / 4)), height })];
}
