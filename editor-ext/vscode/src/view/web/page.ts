/** The page: its parts, what they share, and when they are drawn. */

import type { ModelViewResult, State } from '../../protocol';
import type { FromPage, ToPage, Wish } from '../messages';
import { FAMILIES, type Family, familyOf } from '../scene/families';
import { type Measure, MEASURES } from '../scene/measures';
import { crumbs, Model, type Scene, sceneOf, titleOf } from '../scene/scene';
import type { Settings, Tab } from '../scene/settings';
import type { Node } from '../scene/tree';
import type { Actions } from './actions';
import { Details } from './details';
import { Choice, el, say, set } from './dom';
import { Findings } from './findings';
import { FixBar } from './fixbar';
import { Header } from './header';
import { Icicle, spoken } from './icicle';
import { Marks } from './marks';
import { Memory } from './memory';
import { Ratios } from './ratios';
import { Table } from './table';
import { Tabs } from './tabs';
import { Tooltip } from './tooltip';

const WAITS: Partial<Record<State, string>> = {
  waiting: 'Waiting until the typing settles …',
  tracing: 'Tracing the model …',
};

/** Where the page's messages go and its settings are kept. */
export interface Host {
  tell(message: FromPage): void;
  keep(settings: Settings): void;
}

export class Page implements Actions {
  private model: Model | null = null;
  private scene: Scene | null = null;
  private width = 0;
  private readonly header = new Header(this);
  private readonly fixBar = new FixBar(this);
  private readonly measures: Choice<Measure>;
  private readonly trail = el('nav', { class: 'trail', 'aria-label': 'Zoomed into' });
  private readonly icicle = new Icicle(this);
  private readonly marks = new Marks(this);
  private readonly ratios = new Ratios();
  private readonly memory = new Memory(this);
  private readonly tooltip = new Tooltip();
  private readonly legend = el('ul', { class: 'legend', 'aria-label': 'Colours' });
  private readonly details = new Details(this);
  private readonly findings = new Findings(this);
  private readonly table = new Table(this);
  private readonly tabs: Tabs<Tab>;
  private readonly status = el('p', { class: 'status', role: 'status' });
  private readonly retrace = el('button', { class: 'quiet', type: 'button' }, 'Trace again');
  private readonly live = el('p', { class: 'unseen', 'aria-live': 'polite' });
  private readonly progress = el('div', { class: 'progress', 'aria-hidden': 'true', hidden: true });
  private readonly chart: HTMLElement;
  private readonly content: HTMLElement;

  constructor(
    private readonly host: Host,
    private settings: Settings,
    root: HTMLElement,
  ) {
    const measures = Object.entries(MEASURES) as [Measure, string][];
    this.measures = new Choice('Width by', measures, (measure) => this.set({ measure }));
    this.tabs = new Tabs(
      'More about the model',
      { findings: this.findings.element, layers: this.table.element },
      (tab) => this.set({ tab }),
    );
    this.retrace.addEventListener('click', () => this.tell({ type: 'retrace' }));
    const strips = [this.icicle.element, this.marks.element, this.ratios.element, this.memory.element];
    this.chart = el('div', { class: 'chart' }, ...strips, this.tooltip.line, this.tooltip.element);
    const tools = el('div', { class: 'bar tools' }, this.measures.element, this.trail);
    this.content = el(
      'div',
      { class: 'content', hidden: true },
      this.fixBar.element,
      tools,
      this.chart,
      this.legend,
      this.details.element,
      this.tabs.element,
    );
    const state = el('div', { class: 'bar state' }, this.status, this.retrace);
    root.append(this.progress, this.header.element, state, this.content, this.live);
    this.wait(null);
    new ResizeObserver(() => this.resized()).observe(this.chart);
    root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        this.point(null);
      }
    });
  }

  // ---- what the extension says

  heard(message: ToPage): void {
    switch (message.type) {
      case 'view':
        this.header.pinned(message.pinned);
        this.header.update(message.view, message.targets, message.file);
        this.show(message.view, message.wish);
        break;
      case 'busy':
        this.wait(message.state);
        break;
      case 'failed':
        this.wait(null);
        this.tellState(message.message, false);
        break;
      case 'said':
        this.announce(message.message);
        break;
      case 'cursor':
        this.icicle.follow(message.uri, message.first, message.last);
        break;
    }
  }

  private show(view: ModelViewResult, wish: Wish): void {
    const before = this.model;
    const other = this.settings.uri !== view.uri || (before !== null && before.view.model !== view.model);
    this.point(null);
    this.model = new Model(view);
    this.settings = {
      ...this.settings,
      uri: view.uri,
      wish,
      ...(other ? { zoom: '', selected: '' } : {}),
    };
    this.wait(null);
    const stale = view.stale ? 'As before the last edit.' : '';
    this.tellState([view.note, stale].filter(Boolean).join(' '), view.state === 'failed' || view.state === 'cancelled');
    set(this.content, { hidden: view.layers.length === 0 });
    this.content.classList.toggle('stale', view.stale);
    this.host.keep(this.settings);
    this.resized();
    this.draw();
    if (before?.view.preview?.fix !== view.preview?.fix && view.preview !== null) {
      this.announce(this.fixBar.sentence);
      this.fixBar.element.scrollIntoView({ block: 'nearest' });
    }
  }

  private tellState(text: string, again: boolean): void {
    say(this.status, text);
    set(this.retrace, { hidden: !again });
    set(this.status.parentElement ?? this.status, { hidden: text === '' && !again });
  }

  private wait(state: State | null): void {
    const text = state === null ? undefined : WAITS[state];
    set(this.progress, { hidden: state === null });
    if (text !== undefined) {
      this.tellState(text, false);
    }
  }

  // ---- what the parts ask for

  set(change: Partial<Settings>): void {
    this.settings = { ...this.settings, ...change };
    this.host.keep(this.settings);
    this.draw();
  }

  wish(change: { [K in keyof Wish]: Wish[K] | undefined }): void {
    const entries = Object.entries({ ...this.settings.wish, ...change }).filter(([, value]) => value !== undefined);
    this.settings = { ...this.settings, wish: Object.fromEntries(entries) };
    this.host.keep(this.settings);
    this.wait('traced');
    this.tell({ type: 'wish', wish: this.settings.wish });
  }

  select(node: Node, focus = false): void {
    this.set({ selected: node.key });
    if (focus) {
      this.icicle.focus();
    } else if (this.scene !== null) {
      this.announce(spoken(this.scene.selected, this.scene));
    }
  }

  zoom(node: Node): void {
    const into = node.layer === null ? node : (node.parent ?? node);
    const out = this.scene !== null && into.depth < this.scene.zoom.depth;
    this.set({ zoom: into.key, selected: out && this.scene ? this.scene.zoom.key : node.key });
    this.icicle.focus();
  }

  point(node: Node | null): void {
    if (this.scene !== null) {
      this.tooltip.show(node, this.scene, this.chart);
    }
  }

  open(node: Node, stay: boolean): void {
    const source = this.model?.sourceOf(node) ?? null;
    if (source !== null) {
      this.tell({ type: 'open', place: source, stay });
    }
  }

  layerOf(finding: Parameters<Actions['layerOf']>[0]): Node | null {
    return this.model?.nodeOf(finding) ?? null;
  }

  tell(message: FromPage): void {
    this.host.tell(message);
  }

  announce(text: string): void {
    say(this.live, text);
  }

  // ---- drawing

  private resized(): void {
    const width = this.chart.clientWidth;
    if (width !== this.width) {
      this.width = width;
      this.draw();
    }
  }

  private draw(): void {
    if (this.model === null || this.model.view.layers.length === 0 || this.width === 0) {
      return;
    }
    const scene = sceneOf(this.model, this.settings, this.width, this.scene);
    this.scene = scene;
    this.header.figuresOf(scene);
    this.fixBar.update(scene);
    this.measures.update(scene.settings.measure);
    this.drawTrail(scene);
    this.icicle.update(scene);
    this.marks.update(scene, this.width);
    this.ratios.update(scene, this.width);
    this.memory.update(scene, this.width);
    this.drawLegend(scene);
    this.details.update(scene);
    this.tabs.update(scene.settings.tab, {
      findings: `Findings (${this.model.view.findings.length})`,
      layers: `All layers (${scene.tree.layers.length})`,
    });
    if (scene.settings.tab === 'layers') {
      this.table.update(scene);
    } else {
      this.findings.update(scene);
    }
  }

  private drawTrail(scene: Scene): void {
    const way = crumbs(scene);
    set(this.trail, { hidden: way.length < 2 });
    this.trail.replaceChildren(
      ...way.map((node) => {
        if (node === scene.zoom) {
          return el('span', { 'aria-current': 'location' }, node.name);
        }
        const button = el(
          'button',
          { class: 'link', type: 'button' },
          node.parent === null ? titleOf(node) : node.name,
        );
        button.addEventListener('click', () => this.zoom(node));
        return button;
      }),
    );
  }

  private drawLegend(scene: Scene): void {
    const widths = widthsOf(scene);
    const families = (Object.keys(FAMILIES) as Family[]).filter((family) => (widths.get(family) ?? 0) >= 2);
    const item = (swatch: string, text: string): HTMLElement =>
      el('li', {}, el('span', { class: `swatch ${swatch}`, 'aria-hidden': 'true' }), text);
    const { unknown } = scene.figures.of(scene.zoom);
    this.legend.replaceChildren(
      ...families.map((family) => item(family, FAMILIES[family])),
      ...(this.model !== null && this.model.view.findings.length > 0 ? [item('found', 'Finding')] : []),
      ...(unknown > 0 ? [item('unknown', `? unknown (${unknown}): not to scale`)] : []),
      ...(scene.model.after === null ? [] : [item('changed', 'Changed by the fix')]),
      el('li', { class: 'keys' }, '↑ ↓ ← → move · Enter zoom · Esc back · Space source'),
    );
  }
}

/** How much of the chart each family takes, in pixels. */
function widthsOf(scene: Scene): Map<Family, number> {
  const widths = new Map<Family, number>();
  for (const leaf of scene.tree.leaves.slice(scene.zoom.first, scene.zoom.last + 1)) {
    const family = familyOf(leaf.layer?.label ?? '');
    widths.set(family, (widths.get(family) ?? 0) + scene.placing.widthOf(leaf));
  }
  return widths;
}
