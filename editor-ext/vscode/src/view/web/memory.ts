/** Memory over time: the bytes that live while each layer runs, with the peak and what limits it. */

import { size } from '../scene/format';
import { stepped } from '../scene/keys';
import { leafAt, peakOf, type Scene, titleOf } from '../scene/scene';
import { type Scale, scaleOf, stepsOf } from '../scene/steps';
import type { Actions } from './actions';
import { el, say, set, svg } from './dom';
import { Strip } from './strip';

const HEIGHT = 96;

export class Memory {
  readonly element: HTMLElement;
  private readonly note = el('span');
  private readonly peak = el('button', { class: 'link', type: 'button' });
  private readonly strip = new Strip(HEIGHT);
  private readonly slider = el('div', { class: 'steps', role: 'slider', tabindex: 0 }, this.strip.element);
  private scene: Scene | null = null;

  constructor(private readonly actions: Actions) {
    this.element = el(
      'section',
      { class: 'strip memory', 'aria-label': 'Memory over time' },
      el('div', { class: 'caption' }, el('h2', {}, 'Memory over time'), this.note, this.peak),
      this.slider,
    );
    this.slider.addEventListener('keydown', (event) => this.pressed(event));
    this.slider.addEventListener('pointermove', (event) => this.pointed(event));
    this.slider.addEventListener('pointerleave', () => actions.point(null));
    this.slider.addEventListener('click', (event) => {
      const index = this.indexAt(event);
      if (this.scene !== null && index !== null) {
        actions.select(leafAt(this.scene, index));
      }
    });
    this.peak.addEventListener('click', () => this.toPeak());
  }

  update(scene: Scene, width: number): void {
    this.scene = scene;
    const { view } = scene.model;
    const top = most(scene.tree.layers);
    const known = top !== null;
    set(this.element, { hidden: !known });
    if (!known) {
      return;
    }
    const scale = scaleOf(top, view.memoryLimit, scene.other === null ? 0 : (most(scene.other.tree.layers) ?? 0));
    this.strip.update(scene, width, () => this.drawn(scene, scale, width));
    const limit = view.memoryWhat === 'budget' ? 'Budget' : 'The target’s memory';
    const far = scale.limit === 'above' ? `${limit}, ${size(view.memoryLimit)}, is far above` : '';
    say(this.note, far);
    const peak = scene.tree.layers.find((layer) => layer.id === scene.peakAt);
    set(this.peak, { hidden: peak === undefined });
    say(this.peak, peak === undefined ? '' : `Peak ${size(peak.liveBytes)} at ${peak.path || peak.label}`);
    this.tell(scene);
  }

  private drawn(scene: Scene, scale: Scale, width: number): SVGElement[] {
    const y = (bytes: number): number => HEIGHT - (bytes / scale.top) * HEIGHT;
    const steps = stepsOf(scene.zoom, scene.tree.layers, scene.placing, y, HEIGHT);
    const out: SVGElement[] = steps.gaps.map((gap) => svg('rect', { class: 'gap', ...gap, y: 0, height: HEIGHT }));
    out.push(svg('path', { class: 'area', d: steps.area }), svg('path', { class: 'line', d: steps.line }));
    if (scene.other !== null) {
      const { zoom, tree, placing } = scene.other;
      out.push(svg('path', { class: 'ghost', d: stepsOf(zoom, tree.layers, placing, y, HEIGHT).line }));
    }
    const { memoryLimit, memoryWhat } = scene.model.view;
    if (memoryLimit !== null && scale.limit === 'drawn') {
      const at = Math.round(y(memoryLimit)) + 0.5;
      out.push(svg('path', { class: 'limit', d: `M0 ${at}H${width}` }));
      const text = `${memoryWhat === 'budget' ? 'budget' : 'memory of the target'} ${size(memoryLimit)}`;
      out.push(
        svg('text', { class: 'tick limit', x: width - 4, y: at < 14 ? at + 12 : at - 4, 'text-anchor': 'end' }, text),
      );
    }
    return [...out, ...this.mark(scene, y)];
  }

  private mark(scene: Scene, y: (bytes: number) => number): SVGElement[] {
    const index = scene.tree.layers.findIndex((layer) => layer.id === scene.peakAt);
    const bytes = scene.tree.layers[index]?.liveBytes ?? null;
    if (bytes === null || index < scene.zoom.first || index > scene.zoom.last) {
      return [];
    }
    const x = (scene.placing.edge(index) + scene.placing.edge(index + 1)) / 2;
    return [svg('circle', { class: 'peak', cx: x, cy: y(bytes), r: 3.5 })];
  }

  private tell(scene: Scene): void {
    const index = scene.selected.first;
    const layer = scene.tree.layers[index];
    set(this.slider, {
      'aria-label': 'Memory over time, layer by layer',
      'aria-valuemin': scene.zoom.first + 1,
      'aria-valuemax': scene.zoom.last + 1,
      'aria-valuenow': index + 1,
      'aria-valuetext':
        layer === undefined
          ? ''
          : `${layer.path || layer.label}, ${layer.liveBytes === null ? 'unknown' : `${size(layer.liveBytes)} live`}`,
    });
  }

  private toPeak(): void {
    const { scene } = this;
    const leaf = scene?.tree.leaves.find((node) => node.layer?.id === scene.peakAt);
    if (scene && leaf) {
      if (leaf.first < scene.zoom.first || leaf.last > scene.zoom.last) {
        this.actions.zoom(scene.tree.root);
      }
      this.actions.select(leaf);
      this.actions.announce(`Peak at ${titleOf(leaf)}`);
    }
  }

  private indexAt(event: MouseEvent): number | null {
    if (this.scene === null) {
      return null;
    }
    const x = event.clientX - this.slider.getBoundingClientRect().left;
    return x > this.scene.placing.width ? null : this.scene.placing.layerAt(x);
  }

  private pointed(event: PointerEvent): void {
    const index = this.indexAt(event);
    this.actions.point(index === null || this.scene === null ? null : leafAt(this.scene, index));
  }

  private pressed(event: KeyboardEvent): void {
    const { scene } = this;
    if (scene === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const to = stepped(event.key, scene.selected.first, scene.zoom.first, scene.zoom.last);
    if (to !== null) {
      event.preventDefault();
      this.actions.select(leafAt(scene, to));
    } else if (event.key === ' ') {
      event.preventDefault();
      this.actions.open(scene.selected, false);
    }
  }
}

function most(layers: Scene['tree']['layers']): number | null {
  const id = peakOf(layers);
  return layers.find((layer) => layer.id === id)?.liveBytes ?? null;
}
