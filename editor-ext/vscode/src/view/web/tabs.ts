/** Panels of which one is shown. */

import { el, fresh, say, set } from './dom';

export class Tabs<T extends string> {
  readonly element: HTMLElement;
  private readonly tabs = new Map<T, { tab: HTMLElement; panel: HTMLElement }>();

  constructor(label: string, panels: Record<T, HTMLElement>, changed: (tab: T) => void) {
    const list = el('div', { class: 'tablist', role: 'tablist', 'aria-label': label });
    this.element = el('section', { class: 'tabs' }, list);
    const names = Object.keys(panels) as T[];
    for (const name of names) {
      const [id, panelId] = [fresh('tab'), fresh('panel')];
      const tab = el('button', { type: 'button', role: 'tab', id, 'aria-controls': panelId });
      const panel = el('div', { role: 'tabpanel', id: panelId, 'aria-labelledby': id }, panels[name]);
      tab.addEventListener('click', () => changed(name));
      tab.addEventListener('keydown', (event) => {
        const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
        const next = names[(names.indexOf(name) + by + names.length) % names.length];
        if (by !== 0 && next !== undefined) {
          event.preventDefault();
          changed(next);
          this.tabs.get(next)?.tab.focus();
        }
      });
      this.tabs.set(name, { tab, panel });
      list.append(tab);
      this.element.append(panel);
    }
  }

  update(chosen: T, titles: Record<T, string>): void {
    for (const [name, { tab, panel }] of this.tabs) {
      set(tab, { 'aria-selected': String(name === chosen), tabindex: name === chosen ? 0 : -1 });
      say(tab, titles[name]);
      set(panel, { hidden: name !== chosen });
    }
  }
}
