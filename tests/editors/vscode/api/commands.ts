/** Every command: those of the server, and the extension's own. */

import * as vscode from 'vscode';
import { clearNotifications, fact, holds, notifications, same, screen, type Test, until } from './harness.ts';
import { ITEM, item } from './item.ts';
import { manifest } from './manifest.ts';
import { findings, found, open, titles } from './net.ts';

const SERVER = [
  'advisor.switchTarget',
  'advisor.retrace',
  'advisor.showModelTable',
  'advisor.showFindings',
  'advisor.explain',
  'advisor.tellInputs',
  'advisor.howToTrust',
  'advisor.auditWorkspace',
  'advisor.fixAll',
  'advisor.doctor',
];

/** Wait for a page that holds `part`, shown as it is or as the document that a preview is of; close all. */
async function shows(part: string): Promise<void> {
  const texts = (): string[] => vscode.workspace.textDocuments.map((document) => document.getText());
  await until(`a page with ${part}`, texts, (some) => some.some((text) => text.includes(part)));
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
}

export const commands: Test[] = [
  {
    name: 'all commands are there',
    body: async () => {
      await found(await open(), 'CHN101');
      const there = new Set(await vscode.commands.getCommands(true));
      const own = manifest().contributes.commands.map(({ command }) => command);
      same([...SERVER, ...own].filter((name) => !there.has(name)), []);
    },
  },
  {
    name: 'retrace answers, and the figures are there again',
    body: async () => {
      const document = await open();
      await vscode.commands.executeCommand('advisor.retrace', document.uri.toString());
      await until('the lens', () => titles(document), (text) => text.includes(fact('latency')));
    },
  },
  {
    name: 'a click on the item has the targets, and the chosen one is alone in the item, the lens and the findings',
    body: async () => {
      const document = await open();
      const [first, second] = fact('targets').split(',');
      holds(first && second);
      await until('both targets', () => titles(document), (text) => text.includes(first) && text.includes(second));
      await screen('click', { selector: ITEM, text: first });
      await screen('pick', { type: second, row: second });
      await until('one target', () => titles(document), (text) => !text.includes(first));
      holds((await titles(document)).includes(fact('latencyOnSecond')));
      await until('the item', () => item(), (text) => text.includes(second) && text.includes(fact('latencyOnSecond')));
      const about = (target: string): boolean => findings(document).some(({ message }) => message.includes(target));
      await until('findings on that target', () => about(second) && !about(first));
      await vscode.commands.executeCommand('advisor.restart');
      await until('both targets', () => titles(document), (text) => text.includes(first) && text.includes(second));
    },
  },
  {
    name: 'audit opens a report of the workspace, runDoctor what a bug report needs',
    body: async () => {
      await open();
      await vscode.commands.executeCommand('advisor.audit');
      await shows('# Audit of');
      await open();
      await vscode.commands.executeCommand('advisor.runDoctor');
      await shows('# advisor doctor');
    },
  },
  {
    name: 'install says that the advisor is there',
    body: async () => {
      await open();
      void vscode.commands.executeCommand('advisor.install'); // it ends with its message
      await until('the message', notifications, (all) => all.some((text) => text.includes('is installed')));
      await clearNotifications();
    },
  },
  {
    name: 'the model view opens beside the text',
    body: async () => {
      await open();
      await vscode.commands.executeCommand('advisor.showModelView');
      const views = (): string[] =>
        vscode.window.tabGroups.all
          .flatMap((group) => group.tabs)
          .flatMap(({ input }) => (input instanceof vscode.TabInputWebview ? [input.viewType] : []));
      await until('the view', views, (types) => types.some((type) => type.endsWith('advisor.modelView')));
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    },
  },
];
