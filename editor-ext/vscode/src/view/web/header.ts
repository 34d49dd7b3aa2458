/** The head of the page: what is shown, on which target, and what it costs as a whole. */

import type { ModelViewResult, Target, Totals } from '../../protocol';
import { count, margin, percent, size, time, uncounted } from '../scene/format';
import { compared, ratioOf } from '../scene/ratio';
import type { Scene } from '../scene/scene';
import type { Actions } from './actions';
import { el, Picker, say, set } from './dom';

export class Header {
  readonly element: HTMLElement;
  private readonly title = el('h1');
  private readonly models: Picker;
  private readonly targets: Picker;
  private readonly compare: Picker;
  private readonly pin = el('button', { class: 'quiet', type: 'button' }, 'Pin');
  private readonly figures = el('dl', { class: 'figures' });

  constructor(private readonly actions: Actions) {
    this.models = new Picker('Model', (model) => actions.wish({ model, fix: undefined }));
    this.targets = new Picker('Target', (target) => {
      const other = this.compare.value;
      actions.wish({ target, compare: other === target ? undefined : other || undefined });
    });
    this.compare = new Picker('Compare with', (compare) => actions.wish({ compare: compare || undefined }));
    this.pin.addEventListener('click', () => {
      const pinned = this.pin.getAttribute('aria-pressed') !== 'true';
      this.pinned(pinned);
      actions.tell({ type: 'pin', pinned });
    });
    this.element = el(
      'header',
      {},
      el(
        'div',
        { class: 'bar' },
        this.title,
        this.models.element,
        this.targets.element,
        this.compare.element,
        this.pin,
      ),
      this.figures,
    );
  }

  pinned(pinned: boolean): void {
    set(this.pin, { 'aria-pressed': String(pinned), title: 'Stay with this file when another one is opened' });
    say(this.pin, pinned ? 'Pinned' : 'Pin');
    this.actions.set({ pinned });
  }

  update(view: ModelViewResult, targets: readonly Target[], file: string): void {
    set(this.models.element, { hidden: view.models.length < 2 });
    set(this.title, { title: file, class: view.models.length < 2 ? '' : 'unseen' });
    say(this.title, view.model || file);
    this.models.update(view.model ?? '', [['', view.models.map(({ name }) => [name, name])]]);
    const target = view.target ?? '';
    this.targets.update(target, choices(view, targets, target));
    const others = choices(view, targets, view.compare ?? '', target);
    this.compare.update(view.compare ?? '', [['', [['', 'nothing']]], ...others]);
  }

  figuresOf(scene: Scene): void {
    const { view } = scene.model;
    const { totals } = scene;
    if (totals === undefined) {
      this.figures.replaceChildren();
      return;
    }
    const was = scene.fixed ? scene.other?.totals : undefined;
    const other =
      view.compare === null ? undefined : (scene.fixed ? view.preview?.totals : view.totals)?.[view.compare];
    const against = other === undefined ? '' : ` on ${view.compare ?? ''}`;
    this.figures.replaceChildren(
      latency(
        totals,
        was,
        other && `${said(other)}${against}, ${compared(ratioOf(totals.latencyUs, other.latencyUs))}`,
      ),
      memory(view, totals, was, other && `${size(other.peakBytes)}${against}`),
      figure('Parameters', count(totals.params), changed(totals.params, was?.params, count), stored(totals)),
      figure('MACs', count(totals.macs), changed(totals.macs, was?.macs, count), ''),
    );
  }
}

function stored(totals: Totals): string {
  return totals.weightsBytes === null ? '' : `${size(totals.weightsBytes)} stored`;
}

function choices(
  view: ModelViewResult,
  targets: readonly Target[],
  chosen: string,
  but = '',
): [string, [string, string][]][] {
  const used = new Set([...view.targets, chosen].filter((name) => name !== '' && name !== but));
  const rest = targets.map(({ name }) => name).filter((name) => !used.has(name) && name !== but);
  const named = (names: Iterable<string>): [string, string][] => [...names].map((name) => [name, name]);
  const groups: [string, [string, string][]][] = [
    ['In use', named(used)],
    ['Others', named(rest)],
  ];
  return groups.filter(([, names]) => names.length > 0);
}

function said(totals: Totals): string {
  return time(totals.latencyUs) + (totals.latencyUs === null ? '' : uncounted(totals.uncounted));
}

function latency(totals: Totals, was: Totals | undefined, other: string | undefined): HTMLElement {
  const interval = margin(totals.latencyUs, totals.lowUs, totals.highUs);
  const note = [totals.label, totals.latencyUs === null ? '' : uncounted(totals.uncounted).trim()]
    .filter(Boolean)
    .join(' ');
  return figure(
    'Latency',
    time(totals.latencyUs),
    changed(totals.latencyUs, was?.latencyUs, time),
    note,
    interval,
    other,
  );
}

function memory(
  view: ModelViewResult,
  totals: Totals,
  was: Totals | undefined,
  other: string | undefined,
): HTMLElement {
  const limit = view.memoryLimit;
  const what = view.memoryWhat === 'budget' ? 'the budget of ' : 'the target’s ';
  if (limit === null || totals.peakBytes === null) {
    return figure(
      'Peak memory',
      size(totals.peakBytes),
      changed(totals.peakBytes, was?.peakBytes, size),
      '',
      '',
      other,
    );
  }
  const over = totals.peakBytes > limit;
  const note = over
    ? `${size(totals.peakBytes - limit)} over ${what}${size(limit)}`
    : `${percent((100 * totals.peakBytes) / limit)} of ${what}${size(limit)}`;
  const made = figure(
    'Peak memory',
    size(totals.peakBytes),
    changed(totals.peakBytes, was?.peakBytes, size),
    note,
    '',
    other,
  );
  set(made, { class: over ? 'figure over' : 'figure' });
  const level = el('span');
  level.style.width = `${Math.min(100, (100 * totals.peakBytes) / limit)}%`;
  made.append(el('div', { class: 'meter', 'aria-hidden': 'true' }, level));
  return made;
}

function changed(now: number | null, was: number | null | undefined, write: (value: number | null) => string): string {
  if (was === undefined || was === now) {
    return '';
  }
  const sign = now === null || was === null ? '' : now < was ? '▼ ' : '▲ ';
  return `${sign}was ${write(was)}`;
}

function figure(name: string, value: string, was: string, note: string, more = '', other = ''): HTMLElement {
  return el(
    'div',
    { class: 'figure' },
    el('dt', {}, name),
    el(
      'dd',
      {},
      el('strong', {}, value),
      ' ',
      more ? el('span', { class: 'interval' }, more.trim()) : null,
      was ? el('span', { class: was.startsWith('▲') ? 'was more' : 'was' }, was) : null,
      note ? el('span', { class: 'note' }, note) : null,
      other ? el('span', { class: 'other' }, other) : null,
    ),
  );
}
