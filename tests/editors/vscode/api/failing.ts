/** A server that does not come to life: it is tried again for a while, then given up with one message. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { clearNotifications, equal, fact, holds, notifications, screen, sleep, type Test, until } from './harness.ts';
import { item } from './item.ts';
import { found, open } from './net.ts';

/** How many times as quickly those wait that wait for a second or longer. */
const HASTE = 40;

/** What the server does when it is started next. */
function mood(what: 'crash' | 'hang' | 'well'): void {
  writeFileSync(`${fact('python')}.mood`, `${what}\n`);
}

/** The processes of all servers that were started. */
function servers(): string[] {
  const note = `${fact('python')}.note`;
  return existsSync(note) ? readFileSync(note, 'utf-8').trim().split('\n') : [];
}

/** Do something while the long waits of the extension host, and so those of the extension, are short. */
async function hastily(body: () => Promise<void>): Promise<void> {
  await sleep(0); // the test's own limit is not to be short
  const wait = globalThis.setTimeout;
  const hasty = (run: () => void, ms = 0, ...given: []): NodeJS.Timeout =>
    wait(run, ms < 1000 ? ms : ms / HASTE, ...given);
  globalThis.setTimeout = Object.assign(hasty, wait);
  try {
    await body();
  } finally {
    globalThis.setTimeout = wait;
  }
}

/** The one message that it is not started again: `starts` were made since `before`, and none in the next minute. */
async function givenUp(starts: number, before: number): Promise<string> {
  const said = async (): Promise<string[]> =>
    (await notifications()).filter((text) => text.includes('not started again'));
  await until('a message', said, (all) => all.length > 0);
  for (let i = 0; i < 2; i++) await sleep(999); // no timer that is hasty
  const [message = ''] = await until('no other message', said, (all) => all.length === 1); // a list may be drawn twice
  equal(servers().length - before, starts);
  holds((await item('error')).includes('stopped'), await item());
  return message;
}

export const failing: Test[] = [
  {
    name: 'a server that keeps ending is given up, with one message that has its last words',
    body: () =>
      hastily(async () => {
        mood('crash');
        await open();
        const message = await givenUp(6, 0);
        holds(message.includes('ended 6 times in a row'), message);
        holds(message.includes('OSError: no space left on the device'), message);
        await clearNotifications();
      }),
  },
  {
    name: 'one that does not answer is killed each time, and given up likewise',
    body: () =>
      hastily(async () => {
        mood('hang');
        const before = servers().length;
        await vscode.commands.executeCommand('advisor.restart');
        const message = await givenUp(3, before);
        holds(message.includes('did not answer when it was started, 3 times in a row'), message);
        holds(message.includes('waiting for a lock'), message);
        const left = (): string[] => servers().filter((pid) => existsSync(`/proc/${pid}`));
        await until('no process of a server', left, (pids) => pids.length === 0);
      }),
  },
  {
    name: 'the button of the message starts it again',
    body: async () => {
      mood('well');
      await vscode.commands.executeCommand('notifications.showList');
      await screen('click', { selector: '.notifications-center .monaco-button', text: 'Restart' });
      await found(await open(), 'CHN101');
      equal(await item('error'), '');
    },
  },
  {
    name: 'who restarts a server that hangs does not wait for it',
    body: async () => {
      mood('hang');
      const before = servers().length;
      const first = vscode.commands.executeCommand('advisor.restart');
      await until('a server that hangs', () => servers().length, (count) => count > before);
      mood('well');
      let done = false;
      void vscode.commands.executeCommand('advisor.restart').then(() => (done = true));
      await until('the restart', () => done); // less patient than a start may take
      await found(await open(), 'CHN101');
      await first;
      const hanging = servers()[before];
      await until('the end of the one that hung', () => !existsSync(`/proc/${hanging}`));
    },
  },
];
