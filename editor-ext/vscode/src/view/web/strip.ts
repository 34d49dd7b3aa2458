/** A drawing below the chart that shares its widths, with a band under what is selected. */

import type { Layout, Scene } from '../scene/scene';
import { set, svg } from './dom';

export class Strip {
  private readonly band = svg('rect', { class: 'band', y: 0 });
  private readonly drawing = svg('g');
  readonly element: SVGSVGElement;
  private layout: Layout | null = null;
  private drawn = '';

  constructor(private readonly height: number) {
    this.element = svg('svg', { height, 'aria-hidden': 'true' }, this.band, this.drawing);
  }

  /** Draw again where that is another picture; else only move the band. */
  update(scene: Scene, width: number, draw: () => SVGElement[]): void {
    const { compare } = scene.model.view;
    const drawn = `${compare ?? ''} ${width}`;
    if (this.layout !== scene.layout || this.drawn !== drawn) {
      this.layout = scene.layout;
      this.drawn = drawn;
      set(this.element, { width, viewBox: `0 0 ${Math.max(width, 1)} ${this.height}` });
      this.drawing.replaceChildren(...draw());
    }
    const all = scene.selected === scene.zoom;
    set(this.band, {
      x: scene.placing.left(scene.selected),
      width: all ? 0 : Math.max(2, scene.placing.widthOf(scene.selected)),
      height: this.height,
    });
  }
}
