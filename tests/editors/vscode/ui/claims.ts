/** What the screen has to show, and what becomes of it where the server is known to lie. */

import type { Workbench } from './workbench.ts';

/** Milliseconds in which a lie shows. */
const LOOK = 10_000;
/** Milliseconds after which what is shown counts as all that comes. */
const STEADY = 150;

/** Something that was shown, and what is true. */
export interface Shown {
  name: string;
  shown: string;
  is: string;
}

export class Claims {
  /** What was seen while the server lied. */
  readonly seen: Shown[] = [];
  readonly lying: boolean;
  private readonly bench: Workbench;
  private readonly facts: Record<string, string>;

  constructor(bench: Workbench, facts: Record<string, string>, lying: boolean) {
    this.bench = bench;
    this.facts = facts;
    this.lying = lying;
  }

  fact(name: string): string {
    const value = this.facts[name];
    if (value === undefined) throw new Error(`no fact is called ${name}`);
    return value;
  }

  /**
   * Hold what `read` finds against the truth, waiting until it is that. Empty is what is not there yet. Where the server
   * lies, wait for what is another, and go on.
   */
  async holds(name: string, read: () => Promise<string>, is: string): Promise<void> {
    if (!this.lying) {
      await this.bench.until(`${name}: ${is}`, read, (shown) => shown === is);
      return;
    }
    const end = Date.now() + LOOK;
    for (let before = ''; ; ) {
      const shown = await read();
      const steady = shown !== '' && shown === before;
      if ((steady && shown !== is) || Date.now() > end) {
        this.seen.push({ name, shown, is });
        return;
      }
      before = shown;
      await this.bench.page.waitForTimeout(STEADY);
    }
  }
}
