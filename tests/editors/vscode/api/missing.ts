/** An interpreter that has no advisor. */

import * as vscode from 'vscode';
import { clearNotifications, notifications, same, screen, sleep, type Test, until } from './harness.ts';
import { found, open } from './net.ts';

const offers = async (): Promise<string[]> => (await notifications()).filter((text) => text.includes('not installed'));

export const missing: Test[] = [
  {
    name: 'it offers once to install the advisor',
    body: async () => {
      const document = await open();
      await until('the offer', offers, (all) => all.length > 0);
      await clearNotifications();
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
      await open();
      await sleep(1000); // a second offer would come of what was just done
      same(await offers(), []);
      same(vscode.languages.getDiagnostics(document.uri), []);
    },
  },
  {
    name: 'asked for, it installs it and starts it',
    body: async () => {
      const document = await open();
      await vscode.commands.executeCommand('advisor.install');
      await until('the offer', offers, (all) => all.length > 0);
      await vscode.commands.executeCommand('notifications.showList');
      await screen('click', { selector: '.notifications-center .monaco-button', text: 'Install' });
      await found(document, 'CHN101');
    },
  },
];
