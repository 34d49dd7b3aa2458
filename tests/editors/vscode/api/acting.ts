/** What a person does about a finding: fixes, resolved when they are chosen, applied, undone. */

import * as vscode from 'vscode';
import { equal, fact, holds, same, type Test, until } from './harness.ts';
import { actions, found, gone, hints, open } from './net.ts';

const FIX = 'Set width 68 → 64';

/** The fix of the width, once it has been tried and is offered. */
async function fix(document: vscode.TextDocument, resolved = 0): Promise<vscode.CodeAction> {
  const [width] = await found(document, 'CHN101');
  holds(width);
  const offered = await until(
    `the quick fix ${FIX}`,
    () => actions(document, width.range, resolved),
    (all) => all.some((action) => action.title.startsWith(FIX)),
  );
  const [action] = offered.filter(({ title }) => title.startsWith(FIX));
  holds(action);
  return action;
}

export const acting: Test[] = [
  {
    name: 'a fix says what it saves, and its edit is worked out when it is asked for',
    body: async () => {
      const document = await open();
      const offered = await fix(document);
      holds(offered.title.startsWith(`${FIX}: saves ${fact('saves')}`), offered.title);
      equal(offered.edit, undefined);
      equal(offered.kind?.value, 'quickfix');
      const { edit } = await fix(document, 50);
      const edits = edit?.get(document.uri).map((one) => [document.getText(one.range), one.newText]);
      same(edits, [
        ['68', '64'],
        ['68', '64'],
      ]);
    },
  },
  {
    name: 'a fix makes its finding go and the figures better; one undo brings all back',
    body: async () => {
      const document = await open();
      const before = document.getText();
      const { edit } = await fix(document, 50);
      holds(edit);
      holds(await vscode.workspace.applyEdit(edit));
      equal(document.getText(), before.replaceAll('68', '64'));
      await gone(document, 'CHN101');
      const line = Number(fact('convolutionLine'));
      const better = (all: Map<number, string>): boolean => all.get(line)?.includes(fact('fixedConvolutions')) ?? false;
      await until('the hint with what the fixed model takes', () => hints(document), better);
      await vscode.commands.executeCommand('undo');
      equal(document.getText(), before);
      await found(document, 'CHN101');
      await until('the hint as it was', () => hints(document), (all) =>
        all.get(line)?.includes(fact('convolutions')) ?? false,
      );
    },
  },
  {
    name: 'a finding is silenced in the line, and speaks again after an undo',
    body: async () => {
      const document = await open();
      const [width] = await found(document, 'CHN101');
      holds(width);
      const offered = await until('ignoring', () => actions(document, width.range, 50), (all) =>
        all.some(({ title }) => title === 'Ignore CHN101 here'),
      );
      const edit = offered.find(({ title }) => title === 'Ignore CHN101 here')?.edit;
      holds(edit);
      holds(await vscode.workspace.applyEdit(edit));
      holds(document.lineAt(width.range.start.line).text.endsWith('# advisor: ignore[CHN101]'));
      await gone(document, 'CHN101');
      await vscode.commands.executeCommand('undo');
      await found(document, 'CHN101');
    },
  },
];
