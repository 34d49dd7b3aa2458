/** What helps a person along: the walkthrough, the page of settings, the log. */

import * as vscode from 'vscode';
import { equal, fact, holds, same, screen, type Test, until } from './harness.ts';
import { EXTENSION, manifest } from './manifest.ts';
import { found, hints, open } from './net.ts';
import { set } from './settings.ts';

const texts = (selector: string): Promise<string[]> => screen<string[]>('texts', { selector });

/** The output that is shown. */
function log(): string {
  const shown = vscode.workspace.textDocuments.filter(({ uri }) => uri.scheme === 'output');
  return shown.map((document) => document.getText()).join('\n');
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

async function restarted(): Promise<void> {
  const before = count(log(), 'Starting the server');
  await vscode.commands.executeCommand('advisor.restart');
  await until('the start in the log', log, (text) => count(text, 'Starting the server') > before);
}

export const helping: Test[] = [
  {
    name: 'the walkthrough opens with its steps, and what they offer is there',
    body: async () => {
      await found(await open(), 'CHN101'); // the server's commands are there, too
      const steps = manifest().contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps);
      await vscode.commands.executeCommand('advisor.openWalkthrough');
      const wanted = steps.map(({ title }) => title).join();
      await until('the steps', () => texts('.getting-started-step .step-title'), (some) => some.join() === wanted);
      const named = steps.flatMap(({ description, completionEvents }) => [
        ...[...description.matchAll(/\(command:([\w.]+)\)/g)].map(([, command = '']) => command),
        ...completionEvents.filter((event) => event.startsWith('onCommand:')).map((event) => event.slice(10)),
      ]);
      holds(named.length > steps.length);
      const there = new Set(await vscode.commands.getCommands(true));
      same(named.filter((command) => !there.has(command)), []);
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    },
  },
  {
    name: 'the settings open, those of the advisor alone',
    body: async () => {
      await vscode.commands.executeCommand('advisor.openSettings');
      const labels = (): Promise<string[]> => texts('.settings-editor .setting-item-category');
      const all = await until('its settings', labels, (some) => some.length > 3);
      same(all.filter((label) => !label.startsWith('Advisor')), []);
      const [typed = ''] = await texts('.settings-editor .search-container .view-line');
      holds(typed.replaceAll('\u200b', '').includes(`@ext:${EXTENSION}`), typed);
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    },
  },
  {
    name: 'the log is shown, and has what concerns developers at that level alone',
    body: async () => {
      await open();
      await vscode.commands.executeCommand('advisor.showLog');
      await until('the log', log, (text) => text.includes('[info] Starting the server'));
      await restarted();
      equal(count(log(), '[debug]'), 0, log());
      await vscode.commands.executeCommand('_extensionTests.setLogLevel', 'debug');
      await restarted();
      await until('the command line', log, (text) => text.includes('[debug] {"command":'));
      await vscode.commands.executeCommand('_extensionTests.setLogLevel', 'info');
      const before = count(log(), '[debug] {"command":');
      await restarted();
      equal(count(log(), '[debug] {"command":'), before);
    },
  },
  {
    name: 'what is said between editor and server is in the log while the setting says so',
    body: async () => {
      const document = await open();
      const said = (): number => count(log(), "Sending request 'textDocument/inlayHint");
      equal(said(), 0);
      const asks = async (): Promise<number> => {
        await hints(document);
        return said();
      };
      await set('trace.server', 'messages');
      await until('requests in the log', asks, (requests) => requests > 0);
      await set('trace.server', undefined);
      const line = Number(fact('convolutionLine'));
      await until('the hints', () => hints(document), (all) => all.has(line));
      await vscode.commands.executeCommand('workbench.action.closePanel');
    },
  },
];
