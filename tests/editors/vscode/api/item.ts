/** The status bar's item, as it is on the screen. */

import { screen } from './harness.ts';

export const ITEM = '.statusbar-item[id*="advisor.status"]';

/** What VS Code calls an item's colours. */
const KINDS = { warning: '.warning-kind', error: '.error-kind', 'error or warning': ':is(.error-kind, .warning-kind)' };

/** What the item says; where a colour is given, nothing unless it has that. */
export async function item(colour?: keyof typeof KINDS): Promise<string> {
  const texts = await screen<string[]>('texts', { selector: colour === undefined ? ITEM : `${ITEM}${KINDS[colour]}` });
  return texts.join().trim();
}
