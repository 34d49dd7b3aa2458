/** What changes while it runs: settings, and the server's own life. */

import * as vscode from 'vscode';
import { fact, holds, notifications, screen, type Test, until } from './harness.ts';
import { code, findings, found, gone, hints, open, titles } from './net.ts';

async function set(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration('advisor').update(name, value, vscode.ConfigurationTarget.Workspace);
}

export const living: Test[] = [
  {
    name: 'settings count at once: the least gain, the targets, the hints',
    body: async () => {
      const document = await open();
      await found(document, 'CHN101');
      await set('minGain', 60);
      await gone(document, 'CHN101');
      await set('minGain', undefined);
      await found(document, 'CHN101');
      const [, second] = fact('targets').split(',');
      holds(second);
      await set('targets', [second]);
      await until('the other target alone', () => titles(document), (text) =>
        text.includes(fact('latencyOnSecond')) && !text.includes(fact('latency')),
      );
      await set('targets', undefined);
      await set('inlayHints.enabled', false);
      await until('no hints', () => hints(document), (all) => all.size === 0);
      await set('inlayHints.enabled', undefined);
      await until('hints', () => hints(document), (all) => all.size > 0);
    },
  },
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
