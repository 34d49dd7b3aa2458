/** The server's own life. */

import * as vscode from 'vscode';
import { fact, holds, notifications, screen, type Test, until } from './harness.ts';
import { code, findings, found, open } from './net.ts';

export const living: Test[] = [
  {
    name: 'a server that is killed is started again, with one message at most',
    body: async () => {
      const document = await open();
      await found(document, 'CHN101');
      const before = await notifications();
      const killed = await screen<number>('kill');
      holds(killed > 0);
      await until('another server', () => screen<number>('server'), (pid) => pid > 0 && pid !== killed);
      const edit = new vscode.WorkspaceEdit();
      edit.insert(document.uri, new vscode.Position(0, 0), '# after the crash\n');
      holds(await vscode.workspace.applyEdit(edit));
      const moved = Number(fact('line'));
      await until('the finding one line further down', () => findings(document, 'CHN101'), (all) =>
        all.some((one) => code(one) === 'CHN101' && one.range.start.line === moved),
      );
      await vscode.commands.executeCommand('undo');
      const after = (await notifications()).slice(before.length);
      holds(after.length <= 1, after.join(' / '));
    },
  },
];
