/** What the model view shows, as a person reads it. */

import type { Frame, Locator } from 'playwright-core';
import type { Workbench } from './workbench.ts';

const READY = 'main#page .icicle [role=treeitem]';

export class ModelView {
  readonly frame: Frame;

  private constructor(frame: Frame) {
    this.frame = frame;
  }

  /** The view that is open, once it shows layers. */
  static async shown(bench: Workbench): Promise<ModelView> {
    return new ModelView(await bench.frame(READY));
  }

  layer(name: string): Locator {
    return this.frame.locator('.icicle [role=treeitem]', { hasText: name }).last();
  }

  tab(name: string): Locator {
    return this.frame.getByRole('tab', { name });
  }

  get compare(): Locator {
    return this.frame.getByLabel('Compare with');
  }

  get fixBar(): Locator {
    return this.frame.locator('.fixbar:not([hidden])');
  }

  /** The button of the first finding with a fix of that code. */
  button(what: RegExp): Locator {
    return this.frame.getByRole('button', { name: what }).first();
  }

  /** The figure under a heading: the number itself. */
  figure(name: string): Promise<string> {
    return this.text('.figure', name, 'strong');
  }

  /** What stands beside a figure of the target that is compared, up to the comma. */
  async compared(name: string): Promise<string> {
    return (await this.text('.figure', name, '.other')).split(' on ')[0] ?? '';
  }

  /** One of the table's columns, a line for each layer; those of several headings beside each other. */
  async column(...headings: string[]): Promise<string> {
    const titles = await this.texts('.scroller thead th');
    const places = headings.map((heading) => titles.findIndex((title) => title.replace(/ [▾▴]$/, '') === heading));
    if (places.includes(-1)) return '';
    const rows = await this.frame
      .locator('.scroller tbody tr')
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.firstChild?.textContent ?? '')));
    return rows.map((cells) => places.map((place) => cells[place]).join(' ')).join('\n');
  }

  /** The findings, code and message, a line for each, sorted; of a message what the engine says, not how sure it is. */
  async findings(): Promise<string> {
    const texts = await this.texts('.findings .row .text > div:first-child');
    return texts
      .map((text) => text.replace(/ \[.*\]$/, ''))
      .sort()
      .join('\n');
  }

  /** Go from layer to layer by their table, and note the line of each. */
  async lines(): Promise<string> {
    const rows = this.frame.locator('.scroller tbody tr');
    const lines: string[] = [];
    for (let index = 0; index < (await rows.count()); index += 1) {
      await rows.nth(index).locator('td').last().click();
      lines.push((await this.frame.locator('.details .head .link').first().innerText()).replace(/^.*:/, ''));
    }
    return lines.join('\n');
  }

  async text(within: string, has: string, selector: string): Promise<string> {
    const found = this.frame.locator(within, { hasText: has }).first().locator(selector).first();
    return (await found.count()) > 0 ? plain(await found.innerText()) : '';
  }

  async texts(selector: string): Promise<string[]> {
    return (await this.frame.locator(selector).allInnerTexts()).map(plain);
  }
}

/** Without the spaces that tie a number to its unit. */
export function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ').trim();
}
