/** VS Code's window as a person sees and uses it. */

import type { Frame, Locator, Page } from 'playwright-core';

/** Milliseconds that nothing takes that is waited for. */
const PATIENCE = 45_000;

export class Workbench {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  get editor(): Locator {
    return this.page.locator('.editor-instance .monaco-editor').first();
  }

  /** The text that is shown, with hints where they stand. */
  async text(): Promise<string> {
    const lines = await this.editor.locator('.view-line').allInnerTexts();
    return lines.map((line) => line.replaceAll('\u00a0', ' ').replaceAll('\u200d', '')).join('\n');
  }

  /** Load the folder at `url` and open one of its files. */
  async open(url: string, file: string): Promise<void> {
    await this.page.goto(url);
    const row = this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: file });
    await row.first().dblclick({ timeout: PATIENCE });
    await this.editor.locator('.view-line').first().waitFor();
  }

  /** Ask again and again until `ask` gives something. */
  async until<T>(what: string, ask: () => Promise<T>, accept: (value: T) => boolean = Boolean): Promise<T> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const value = await ask();
      if (accept(value)) return value;
      if (Date.now() > end) throw new Error(`waited in vain for ${what}; last: ${JSON.stringify(value).slice(0, 2000)}`);
      await this.page.waitForTimeout(50);
    }
  }

  /** Wait until the shown text has all `parts`. */
  async shows(...parts: string[]): Promise<void> {
    await this.until(`${parts.join(', ')} in the editor`, () => this.text(), (text) => parts.every((p) => text.includes(p)));
  }

  /** Type into the box that pops up on `key`, and take what is in front once it has that text. */
  async choose(key: string, typed: string, row: string): Promise<void> {
    await this.page.keyboard.press(key);
    await this.take(typed, row);
  }

  /** Type into the box that is there, and take what is in front once it has that text. */
  async take(typed: string, row: string): Promise<void> {
    await this.page.locator('.quick-input-widget input[type=text]:visible').fill(typed);
    await this.page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: row }).waitFor();
    await this.page.keyboard.press('Enter');
  }

  /** Run a command by its title, as from the palette. */
  command(title: string): Promise<void> {
    return this.choose('F1', `>${title}`, title);
  }

  /** Put the cursor there; lines and columns count from one. */
  async go(line: number, column: number): Promise<void> {
    const box = this.page.locator('.quick-input-widget input[type=text]:visible');
    await this.until('the box for a line', async () => {
      await this.page.keyboard.press('Control+1'); // the editor, wherever the keys went
      await this.page.keyboard.press('Control+g'); // a page that has the keys may lose them
      return box.waitFor({ timeout: 3000 }).then(
        () => true,
        () => false,
      );
    });
    await box.fill(`:${line}:${column}`);
    await this.page.keyboard.press('Enter');
    await this.at(line);
  }

  /** Wait until the cursor is in that line, by the status bar's word. */
  async at(line: number): Promise<void> {
    await this.page.locator('.statusbar-item', { hasText: `Ln ${line},` }).waitFor();
  }

  /** The frame of a webview that has `selector`. */
  frame(selector: string): Promise<Frame> {
    const look = async (): Promise<Frame | undefined> => {
      for (const frame of this.page.frames()) {
        // a frame may go while it is asked
        if ((await frame.locator(selector).count().catch(() => 0)) > 0) return frame;
      }
      return undefined;
    };
    return this.until(`a view with ${selector}`, look) as Promise<Frame>;
  }
}
