/** What runs before and after a person trusts the workspace. */

import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import { equal, holds, fact, screen, type Test, until } from './harness.ts';
import { found, hints, lenses, open } from './net.ts';

export const trust: Test[] = [
  {
    name: 'without trust nothing of the workspace runs, and the source alone is shown',
    body: async () => {
      equal(vscode.workspace.isTrusted, false);
      const document = await open();
      const titles = async (): Promise<string> =>
        (await lenses(document)).map((lens) => lens.command?.title ?? '').join(' / ');
      await until('the lens that says so', titles, (text) => text.includes('not trusted'));
      holds(!(await titles()).includes(fact('latency')), await titles());
      holds(!existsSync(fact('ran')), 'the workspace was imported');
    },
  },
  {
    name: 'once it is trusted, it is traced',
    body: async () => {
      const document = await open();
      await vscode.commands.executeCommand('workbench.trust.manage');
      await screen('click', { selector: '.workspace-trust-editor .monaco-button', text: 'Trust' });
      await until('trust', () => vscode.workspace.isTrusted);
      await open();
      await found(document, 'CHN101');
      const line = Number(fact('convolutionLine'));
      await until('the figures', () => hints(document), (all) =>
        all.get(line)?.includes(fact('convolutions')) ?? false,
      );
      holds(existsSync(fact('ran')), 'the workspace was not imported');
    },
  },
];
