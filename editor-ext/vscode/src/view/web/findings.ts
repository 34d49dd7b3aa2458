/** The findings of the model, each with what its fix would change. */

import type { Finding } from '../../protocol';
import { percent, plural, time } from '../scene/format';
import type { Scene } from '../scene/scene';
import type { Actions } from './actions';
import { el, redrawn, set } from './dom';

const SIGNS: Record<string, [sign: string, word: string]> = {
  error: ['✕', 'Error'],
  warning: ['▲', 'Warning'],
  information: ['●', 'Information'],
  hint: ['○', 'Hint'],
};

export class Findings {
  readonly element = el('ul', { class: 'findings' });
  private drawn = '';
  private rows: { finding: Finding; row: HTMLElement; preview: HTMLButtonElement | null }[] = [];

  constructor(private readonly actions: Actions) {}

  update(scene: Scene): void {
    const { findings, uri, model } = scene.model.view;
    const wanted = JSON.stringify([uri, model, findings]);
    if (wanted !== this.drawn) {
      this.drawn = wanted;
      this.rows = findings.map((finding) => this.made(finding));
      const none = el('li', { class: 'none' }, 'Nothing to improve was found in this model.');
      const rows = findings.length > 0 ? this.rows.map(({ row }) => row) : [none];
      redrawn(this.element, () => this.element.replaceChildren(...rows));
    }
    const about = scene.selected.layer === null ? [] : scene.model.findingsOf(scene.selected);
    const shown = scene.model.view.preview?.fix;
    for (const { finding, row, preview } of this.rows) {
      const fixed = finding.id === shown;
      set(row, { class: ['row', about.includes(finding) && 'lit', fixed && 'shown'].filter(Boolean).join(' ') });
      if (preview !== null) {
        set(preview, { 'aria-pressed': String(fixed || finding.id === scene.settings.wish.fix) });
      }
    }
  }

  private made(finding: Finding): { finding: Finding; row: HTMLElement; preview: HTMLButtonElement | null } {
    const [sign, word] = SIGNS[finding.severity] ?? ['●', finding.severity];
    const code = el('button', { class: 'link code', type: 'button', title: `Explain ${finding.code}` }, finding.code);
    code.addEventListener('click', () => this.actions.tell({ type: 'explain', code: finding.code }));
    const preview = this.preview(finding);
    const [place, apply] = [this.place(finding), this.apply(finding)];
    for (const [what, button] of Object.entries({ code, place, preview, apply })) {
      if (button !== null) {
        set(button, { 'data-name': `${what} ${finding.id}` });
      }
    }
    const row = el(
      'li',
      {},
      el('span', { class: `sign ${finding.severity}`, role: 'img', 'aria-label': word, title: word }, sign),
      el('div', { class: 'text' }, el('div', {}, code, ' ', finding.message), this.fix(finding)),
      el('div', { class: 'buttons' }, place, preview, apply),
    );
    return { finding, row, preview };
  }

  private fix(finding: Finding): HTMLElement {
    const { fix } = finding;
    if (fix === null) {
      return el('div', { class: 'fix none' }, finding.unfixed || 'There is no automatic fix.');
    }
    const share = fix.gainPercent === null ? '' : ` (${percent(fix.gainPercent)})`;
    const gain = fix.gainUs === null ? '' : time(fix.gainUs) + share;
    const [before, after] = gain === '' ? [fix.title] : fix.title.split(gain, 2);
    const strong = gain === '' ? null : el('strong', { class: 'gain' }, gain);
    return after === undefined
      ? el('div', { class: 'fix' }, fix.title, strong && el('span', {}, ' · −', strong))
      : el('div', { class: 'fix' }, before ?? '', strong, after);
  }

  private place(finding: Finding): HTMLElement {
    const label = finding.layers.length > 0 ? plural(finding.layers.length, 'layer') : 'Source';
    const button = el(
      'button',
      { class: 'quiet', type: 'button', title: 'Select its layer and show its source' },
      label,
    );
    set(button, { 'aria-label': `${finding.code}: show ${finding.layers.length > 0 ? label : 'its source'}` });
    button.addEventListener('click', () => {
      const node = this.actions.layerOf(finding);
      if (node !== null) {
        this.actions.select(node);
      }
      if (finding.source !== null) {
        this.actions.tell({ type: 'open', place: finding.source, stay: true });
      }
    });
    return button;
  }

  /** What the fix, or where there is none the finding's proposal, would make of the model. */
  private preview(finding: Finding): HTMLButtonElement | null {
    if (finding.fix === null && !finding.movable) {
      return null;
    }
    const button = el('button', { class: 'quiet', type: 'button' }, 'Preview');
    set(button, {
      'aria-label': `Preview ${finding.fix === null ? 'what would follow from' : 'the fix of'} ${finding.code}`,
    });
    button.addEventListener('click', () => {
      const on = button.getAttribute('aria-pressed') !== 'true';
      this.actions.set({ side: 'after' });
      this.actions.wish({ fix: on ? finding.id : undefined });
    });
    return button;
  }

  private apply(finding: Finding): HTMLElement | null {
    if (finding.fix === null) {
      return null;
    }
    const button = el('button', { class: 'primary', type: 'button' }, 'Apply');
    set(button, { 'aria-label': `Apply: ${finding.fix.title}`, title: finding.fix.title });
    button.addEventListener('click', () => this.actions.tell({ type: 'apply', finding: finding.id }));
    return button;
  }
}
