/** Shown while a fix is looked at: before or after, and what the difference is. */

import { difference } from '../scene/difference';
import { tied } from '../scene/format';
import type { Scene } from '../scene/scene';
import type { Actions } from './actions';
import { Choice, el, say, set } from './dom';

export class FixBar {
  readonly element: HTMLElement;
  private readonly title = el('h2');
  private readonly change = el('p');
  private readonly sides: Choice<'before' | 'after'>;
  private readonly apply = el('button', { class: 'primary', type: 'button' }, 'Apply');
  private readonly close = el('button', { class: 'quiet', type: 'button' }, 'Close');
  private fix = '';

  constructor(actions: Actions) {
    this.sides = new Choice(
      'Side of the fix',
      [
        ['before', 'Before'],
        ['after', 'After'],
      ],
      (side) => actions.set({ side }),
    );
    this.apply.addEventListener('click', () => actions.tell({ type: 'apply', finding: this.fix }));
    this.close.addEventListener('click', () => actions.wish({ fix: undefined }));
    this.element = el(
      'section',
      { class: 'fixbar', 'aria-label': 'Preview of a fix' },
      this.sides.element,
      el('div', { class: 'buttons' }, this.apply, this.close),
      el('div', { class: 'text' }, this.title, this.change),
    );
  }

  /** What is said of the difference. */
  get sentence(): string {
    return this.change.textContent;
  }

  update(scene: Scene): void {
    const { view, target } = scene.model;
    const { preview } = view;
    set(this.element, { hidden: preview === null });
    const before = view.totals[target];
    const after = preview?.totals[target];
    if (preview === null || before === undefined || after === undefined) {
      return;
    }
    this.fix = preview.fix;
    const offered = scene.model.finding(preview.fix)?.fix ?? null;
    set(this.apply, { hidden: offered === null });
    this.sides.update(scene.fixed ? 'after' : 'before');
    say(this.title, tied(preview.title));
    const tried = preview.verified ? '' : ' This is the finding’s proposal; it was not tried in the source.';
    say(this.change, tied(difference(before, after, scene.model.changed.size) + tried));
  }
}
