/** What runs before and after a person trusts the workspace. */

import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import { equal, fact, holds, screen, type Test, until } from './harness.ts';
import { found, hints, open, titles } from './net.ts';

/** The file that the workspace's own interpreter makes when it is started. */
const ran = (): boolean => existsSync(fact('ran'));

export const trust: Test[] = [
  {
    name: 'without trust nothing of the workspace runs, and the source alone is shown',
    body: async () => {
      equal(vscode.workspace.isTrusted, false);
      const document = await open();
      const text = await until('the lens that says so', () => titles(document), (all) => all.includes('not trusted'));
      holds(!text.includes(fact('latency')), text);
      const how = await vscode.commands.executeCommand<{ markdown: string }>('advisor.howToTrust', {
        uri: document.uri.toString(),
      });
      holds(how.markdown.includes('trust'), how.markdown);
      holds(!ran(), "the workspace's interpreter was started");
    },
  },
  {
    name: 'once it is trusted, it is traced, by its own interpreter',
    body: async () => {
      await vscode.commands.executeCommand('workbench.trust.manage');
      await screen('click', { selector: '.workspace-trust-editor .monaco-button', text: 'Trust' });
      await until('trust', () => vscode.workspace.isTrusted);
      const document = await open();
      await found(document, 'CHN101');
      const line = Number(fact('convolutionLine'));
      const traced = (all: Map<number, string>): boolean => all.get(line)?.includes(fact('convolutions')) ?? false;
      await until('the figures', () => hints(document), traced);
      holds(ran(), "the workspace's interpreter was not started");
    },
  },
];
