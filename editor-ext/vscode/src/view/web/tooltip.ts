/** What lies under the pointer, and a line through the chart and its strips where that is. */

import { size, time } from '../scene/format';
import { type Scene, titleOf } from '../scene/scene';
import type { Node } from '../scene/tree';
import { el, put, set } from './dom';

export class Tooltip {
  readonly element = el('div', { class: 'tooltip', 'aria-hidden': 'true', hidden: true });
  readonly line = el('div', { class: 'crosshair', 'aria-hidden': 'true', hidden: true });

  show(node: Node | null, scene: Scene, room: HTMLElement): void {
    set(this.element, { hidden: node === null });
    set(this.line, { hidden: node === null });
    if (node === null) {
      return;
    }
    const { target, view } = scene.model;
    const { compare } = view;
    const { layer } = node;
    const figures = [scene.figures.text(scene.figures.of(node)), scene.figures.share(scene.figures.of(node))];
    const rows =
      layer === null
        ? []
        : [
            `${layer.label}   ${layer.inputs || '–'} → ${layer.output || '–'}`,
            ...(compare === null
              ? []
              : [
                  `${target} ${time(layer.latencyUs[target] ?? null)}, ${compare} ${time(layer.latencyUs[compare] ?? null)}`,
                ]),
            ...(layer.liveBytes === null ? [] : [`${size(layer.liveBytes)} live`]),
          ];
    this.element.replaceChildren(
      el('strong', {}, titleOf(node)),
      el('span', { class: 'figure' }, figures.filter(Boolean).join(' · ')),
      ...rows.map((row) => el('div', {}, row)),
    );
    const from = scene.placing.left(node);
    const wide = scene.placing.widthOf(node);
    put(this.line, from, 0, Math.max(wide, 1), room.clientHeight);
    const left = Math.min(
      Math.max(from + wide / 2 - this.element.offsetWidth / 2, 0),
      room.clientWidth - this.element.offsetWidth,
    );
    this.element.style.left = `${Math.max(left, 0)}px`;
  }
}
