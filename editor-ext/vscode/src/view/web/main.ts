/** The start of the model view's page. */

import type { FromPage, ToPage } from '../messages';
import { readSettings, type Settings } from '../scene/settings';
import { giveBack } from './dom';
import { Page } from './page';

interface CodeApi {
  postMessage(message: FromPage): void;
  getState(): unknown;
  setState(state: Settings): void;
}

declare function acquireVsCodeApi(): CodeApi;

const code = acquireVsCodeApi();
const page = new Page(
  { tell: (message) => code.postMessage(message), keep: (settings) => code.setState(settings) },
  readSettings(code.getState()),
  document.getElementById('page') ?? document.body,
);
// Only the extension can post here: the page has no frames, and no other origin holds a reference to it.
window.addEventListener('message', (event: MessageEvent<ToPage>) => page.heard(event.data));
window.addEventListener('focus', giveBack);
code.postMessage({ type: 'ready' });
