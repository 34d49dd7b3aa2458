/** The chart of layers by cost: a tree that lies on its side, one level a row, layers reaching down to the floor. */

import { FAMILIES, familyOf } from '../scene/families';
import { plural } from '../scene/format';
import { led } from '../scene/keys';
import { type Box, boxes, boxOf } from '../scene/layout';
import { MEASURES } from '../scene/measures';
import { type Scene, titleOf } from '../scene/scene';
import type { Node } from '../scene/tree';
import type { Actions } from './actions';
import { el, put, say, set } from './dom';
import { renew, widthOf } from './ruler';

const ROW = 22;
/** The least height of the lowest layers. */
const FLOOR = 84;
/** Below this width a layer's name stands upright. */
const UPRIGHT = 46;
/** Below this width a text that does not fit is left out. */
const NARROW = 40;
/** Pixels free around a text. */
const RIM = 10;
/** Above how many boxes nothing glides: moving them all would stutter. */
const MANY = 500;

export class Icicle {
  readonly element = el('div', { class: 'icicle', role: 'tree', 'aria-orientation': 'horizontal' });
  private readonly drawn = new Map<string, HTMLElement>();
  private readonly nodes = new WeakMap<Element, Node>();
  private readonly lights = el('div', { class: 'lights', 'aria-hidden': 'true' });
  private readonly rest = el('div', { class: 'rest', 'aria-hidden': 'true', hidden: true });
  private scene: Scene | null = null;
  private cursor: { uri: string; first: number; last: number } | null = null;

  constructor(private readonly actions: Actions) {
    this.element.addEventListener('keydown', (event) => this.pressed(event));
    this.element.addEventListener('click', (event) => this.clicked(event));
    this.element.addEventListener('dblclick', (event) => this.zoomed(event));
    this.element.addEventListener('pointermove', (event) => actions.point(this.nodeAt(event)));
    this.element.addEventListener('pointerleave', () => actions.point(null));
    this.element.addEventListener('focusin', (event) => {
      const node = event.target instanceof Element ? this.nodes.get(event.target) : undefined;
      if (node !== undefined && node !== this.scene?.selected) {
        actions.select(node);
      }
    });
  }

  update(scene: Scene): void {
    const before = this.scene;
    this.scene = scene;
    if (before?.layout !== scene.layout || !this.reselect(before.selected, scene)) {
      this.draw(scene);
    }
  }

  /** Where only the selection moved: whether that could be shown on the boxes that there are. */
  private reselect(before: Node, scene: Scene): boolean {
    const both = [before, scene.selected].every((node) => scene.placing.widthOf(node) >= 1 && this.drawn.has(node.key));
    for (const node of both ? [before, scene.selected] : []) {
      const element = this.drawn.get(node.key);
      if (element !== undefined) {
        this.shape(element, boxOf(node, scene.zoom, scene.placing), scene);
      }
    }
    return both;
  }

  private draw(scene: Scene): void {
    this.element.style.height = `${heightOf(scene)}px`;
    renew();
    this.fill(scene);
    set(this.element, {
      'aria-label': `Layers of ${titleOf(scene.zoom)} by ${MEASURES[scene.settings.measure].toLowerCase()}`,
    });
    const wanted = boxes(scene.zoom, scene.placing, new Set([scene.selected.key]));
    this.element.classList.toggle('still', wanted.length > MANY);
    // who types a text meanwhile keeps the keyboard
    const active = document.hasFocus() && this.element.contains(document.activeElement);
    this.clear(new Set(wanted.map((box) => box.key)));
    let before: Element | null = null;
    for (const box of wanted) {
      const element = this.drawn.get(box.key) ?? this.made(box.key);
      this.shape(element, box, scene);
      if (element.parentElement === null || element.previousElementSibling !== before) {
        this.insert(element, before);
      }
      before = element;
    }
    if (active && !this.element.contains(document.activeElement)) {
      this.focus();
    }
    this.light();
  }

  /** Move the keyboard to the selected node. */
  focus(): void {
    const key = this.scene?.selected.key;
    const element = key === undefined ? undefined : this.drawn.get(key);
    element?.focus({ preventScroll: true });
  }

  /** Mark the layers that were written on these lines. */
  follow(uri: string, first: number, last: number): void {
    this.cursor = { uri, first, last };
    this.light();
  }

  /** What the other side of a fix takes more than this one. */
  private fill(scene: Scene): void {
    const room = scene.width - scene.placing.width;
    set(this.rest, { hidden: room < 1 });
    put(this.rest, scene.placing.width, 0, Math.max(room, 0), heightOf(scene));
    this.element.append(this.rest);
  }

  private clear(keep: ReadonlySet<string>): void {
    for (const [key, element] of this.drawn) {
      if (!keep.has(key)) {
        element.remove();
        this.drawn.delete(key);
      }
    }
  }

  private made(key: string): HTMLElement {
    const seen = ['name', 'sub'].map((name) => el('span', { class: name, 'aria-hidden': 'true' }));
    const element = el('div', { class: 'box' }, ...seen, el('span', { class: 'unseen' }));
    this.drawn.set(key, element);
    return element;
  }

  private insert(element: Element, before: Element | null): void {
    if (before === null) {
      this.element.prepend(element);
    } else {
      before.after(element);
    }
  }

  private shape(element: HTMLElement, box: Box, scene: Scene): void {
    const { node } = box;
    const top = box.row * ROW;
    const least = node === scene.selected ? Math.max(box.width, 3) : box.width;
    const leaf = node === null || node.layer !== null;
    const tall = leaf ? heightOf(scene) - top : ROW;
    put(element, box.x, top, least, tall);
    if (node === null) {
      set(element, { class: `box crowd ${box.family ?? ''}`, 'aria-hidden': 'true' });
      return;
    }
    if (leaf) {
      element.style.setProperty('--level', filled(node, scene));
    }
    this.nodes.set(element, node);
    const selected = node === scene.selected;
    set(element, {
      class: classes(box, node, scene, least, tall),
      role: 'treeitem',
      tabindex: selected ? 0 : -1,
      'aria-selected': String(selected),
      'aria-expanded': leaf ? null : 'true',
      'aria-level': box.row + 1,
      'aria-setsize': node === scene.zoom ? 1 : (node.parent?.children.length ?? 1),
      'aria-posinset': node === scene.zoom ? 1 : (node.parent?.children.indexOf(node) ?? 0) + 1,
    });
    const [name, sub, words] = element.children;
    const figure = scene.figures.of(node);
    if (name !== undefined && sub !== undefined && words !== undefined) {
      say(name, fitting(shown(node, scene, figure.value === null), least, tall));
      say(sub, leaf ? beneath(scene.figures.text(figure), least, tall) : '');
      say(words, spoken(node, scene));
    }
  }

  private light(): void {
    const { scene, cursor } = this;
    this.element.append(this.lights);
    if (scene === null || cursor === null) {
      return;
    }
    const lit = scene.model.tree.leaves.filter((leaf) => {
      const source = scene.model.sourceOf(leaf);
      return (
        source?.uri === cursor.uri && source.range.start.line <= cursor.last && source.range.end.line >= cursor.first
      );
    });
    this.lights.replaceChildren(
      ...lit.flatMap((leaf) => {
        const own = scene.tree.byKey.get(leaf.key);
        if (own === undefined || own.first < scene.zoom.first || own.last > scene.zoom.last) {
          return [];
        }
        const light = el('div', { class: 'light' });
        put(light, scene.placing.left(own), heightOf(scene) - 4, Math.max(2, scene.placing.widthOf(own) - 1), 4);
        return [light];
      }),
    );
  }

  private nodeAt(event: Event): Node | null {
    const box = event.target instanceof Element ? event.target.closest('.box') : null;
    const node = box === null ? undefined : this.nodes.get(box);
    if (node !== undefined || this.scene === null || !(event instanceof PointerEvent)) {
      return node ?? null;
    }
    const x = event.clientX - this.element.getBoundingClientRect().left;
    return this.scene.tree.leaves[this.scene.placing.layerAt(x)] ?? null;
  }

  private clicked(event: MouseEvent): void {
    const node = this.nodeAt(event);
    if (node !== null) {
      this.actions.select(node, true);
      if (event.detail < 2) {
        this.actions.open(node, true);
      }
    }
  }

  private zoomed(event: MouseEvent): void {
    const node = this.nodeAt(event);
    if (node !== null) {
      this.actions.zoom(node);
    }
  }

  private pressed(event: KeyboardEvent): void {
    const { scene } = this;
    if (scene === null || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const to = led(event.key, scene.selected, scene.zoom);
    if (to !== null) {
      this.actions.select(to, true);
    } else if (event.key === 'Enter') {
      this.actions.zoom(scene.selected);
    } else if (event.key === ' ') {
      this.actions.open(scene.selected, false);
    } else if ((event.key === 'Escape' || event.key === 'Backspace') && scene.zoom.parent !== null) {
      this.actions.zoom(scene.zoom.parent);
    } else {
      return;
    }
    event.preventDefault();
  }
}

function heightOf(scene: Scene): number {
  return (scene.tree.levels - 1) * ROW + FLOOR;
}

/** How far up a layer is filled: by its memory, where that is what is compared. */
function filled(node: Node, scene: Scene): string {
  const { figures } = scene;
  const { value } = figures.of(node);
  return figures.measure === 'memory' && value !== null ? `${(100 * value) / (figures.total.value || 1)}%` : '100%';
}

function classes(box: Box, node: Node, scene: Scene, width: number, height: number): string {
  const names = ['box'];
  if (box.family !== null) {
    names.push('leaf', box.family);
    if (scene.figures.of(node).value === null) {
      names.push('unknown');
    }
    if (width < UPRIGHT && height > UPRIGHT) {
      names.push('upright');
    }
    if (scene.model.after !== null && scene.model.changed.has(node.path)) {
      names.push('changed');
    }
  }
  if (width < NARROW) {
    names.push(width < 6 ? 'thin' : 'narrow');
  }
  if (node === scene.selected) {
    names.push('selected');
  }
  return names.join(' ');
}

function shown(node: Node, scene: Scene, unknown: boolean): string {
  const name = node === scene.zoom ? titleOf(node) : node.name;
  const label = node.layer?.label ?? '';
  const text = label === '' || label === name ? name : `${label} ·\u00a0${name}`;
  return unknown && node.layer !== null ? `? ${text}` : text;
}

/** The text where there is room for it, upright or cut; nothing where what is left would mislead: `1` of `12`. */
function fitting(text: string, width: number, height: number): string {
  const room = width < UPRIGHT && height > UPRIGHT ? (width < 13 ? 0 : height) : width;
  return room >= NARROW || widthOf(text) + RIM / 2 <= room ? text : '';
}

/** A layer's figure, below its name or upright beside it, where there is room for all of it. */
function beneath(text: string, width: number, height: number): string {
  const room = width < UPRIGHT ? (width < 36 ? 0 : height) : width;
  return widthOf(text, 0.92) + RIM <= room ? text : '';
}

/** What a node is and costs, for who cannot see the chart. */
export function spoken(node: Node, scene: Scene): string {
  const figure = scene.figures.of(node);
  const found = scene.model.findingsOf(node).length;
  const changed = scene.model.after !== null && node.layer !== null && scene.model.changed.has(node.path);
  return [
    titleOf(node),
    node.layer === null
      ? plural(node.last - node.first + 1, 'layer')
      : `${node.layer.label}, ${FAMILIES[familyOf(node.layer.label)]}`,
    scene.figures.spoken(figure),
    found > 0 ? plural(found, 'finding') : '',
    changed ? 'changed by the fix' : '',
  ]
    .filter(Boolean)
    .join(', ');
}
