/** An interpreter that has no advisor. */

import * as vscode from 'vscode';
import { equal, same, notifications, type Test, until } from './harness.ts';
import { open } from './net.ts';

export const missing: Test[] = [
  {
    name: 'it offers once to install the advisor, and runs nothing',
    body: async () => {
      const document = await open();
      await until('the offer', notifications, (all) => all.some((text) => /install/i.test(text)));
      await vscode.workspace.openTextDocument(document.uri);
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
      await open();
      const offers = (await notifications()).filter((text) => /install/i.test(text));
      equal(offers.length, 1, offers.join(' / '));
      same(vscode.languages.getDiagnostics(document.uri), []);
    },
  },
];
