/** Every command: those of the server, and the extension's own. */

import * as vscode from 'vscode';
import { equal, fact, holds, notifications, same, screen, type Test, until } from './harness.ts';
import { found, open, titles } from './net.ts';

/** What a command of the server answers. */
interface Shown {
  markdown: string;
  shown: boolean;
}

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
const OWN = [
  'advisor.showModelView',
  'advisor.restart',
  'advisor.selectTarget',
  'advisor.applySafeFixes',
  'advisor.tellArgs',
  'advisor.audit',
  'advisor.runDoctor',
  'advisor.install',
];

async function call<T>(command: string, ...given: unknown[]): Promise<T> {
  const answer: T | undefined = await vscode.commands.executeCommand<T>(command, ...given);
  holds(answer, `${command} answered nothing`);
  return answer;
}

/** Wait for a page that holds `part`, shown as it is or as the document that a preview is of; close all. */
async function shows(what: string, part: string): Promise<void> {
  const texts = (): string[] => vscode.workspace.textDocuments.map((document) => document.getText());
  await until(`${what}: ${part}`, texts, (some) => some.some((text) => text.includes(part)));
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
}

export const commands: Test[] = [
  {
    name: 'all commands are there',
    body: async () => {
      await found(await open(), 'CHN101');
      const there = new Set(await vscode.commands.getCommands(true));
      same([...SERVER, ...OWN].filter((name) => !there.has(name)), []);
    },
  },
  {
    name: 'showModelTable, showFindings and explain answer with what they show',
    body: async () => {
      const document = await open();
      const model = { uri: document.uri.toString(), model: 'Net' };
      const table = await call<Shown>('advisor.showModelTable', model);
      holds(table.markdown.includes('deep.conv') && table.markdown.includes(fact('latency')), table.markdown);
      const findings = await call<Shown>('advisor.showFindings', model);
      holds(findings.markdown.includes('CHN101'), findings.markdown);
      const page = await call<Shown>('advisor.explain', 'CHN101');
      holds(page.markdown.includes('misaligned-channels'), page.markdown);
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
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
    name: 'selectTarget has the targets, and the chosen one is alone in the lens',
    body: async () => {
      const document = await open();
      const [first, second] = fact('targets').split(',');
      holds(first && second);
      await until('both targets', () => titles(document), (text) => text.includes(first) && text.includes(second));
      const asked = vscode.commands.executeCommand('advisor.selectTarget');
      await screen('pick', { type: second, row: second });
      await asked;
      await until('one target', () => titles(document), (text) => !text.includes(first));
      holds((await titles(document)).includes(fact('latencyOnSecond')));
      await vscode.commands.executeCommand('advisor.restart');
      await until('both targets', () => titles(document), (text) => text.includes(first) && text.includes(second));
    },
  },
  {
    name: 'applySafeFixes shows what it would do, and does it',
    body: async () => {
      const document = await open();
      await found(document, 'OPS503');
      const before = document.getText();
      const asked = vscode.commands.executeCommand('advisor.applySafeFixes');
      await screen('click', { selector: '.bulk-edit-panel .edit-checkbox' }); // nothing is done unseen
      await screen('click', { selector: '.bulk-edit-panel .monaco-button', text: 'Apply' });
      await asked;
      await until('the safe fix', () => document.getText(), (text) => text.includes('bias=False'));
      holds(document.getText().includes('Block(32, 68)'), 'an unsafe fix was applied');
      await vscode.commands.executeCommand('undo');
      equal(document.getText(), before);
    },
  },
  {
    name: 'tellArgs writes how to build the model',
    body: async () => {
      const document = await open();
      const before = document.getText();
      await vscode.commands.executeCommand('advisor.tellArgs');
      await until('the comment', () => document.getText(), (text) => text.includes('# advisor:'));
      await vscode.commands.executeCommand('undo');
      await until('the text as it was', () => document.getText(), (text) => text === before);
    },
  },
  {
    name: 'audit opens a report of the workspace',
    body: async () => {
      await open();
      const report = await call<Shown & { files: number; findings: number }>('advisor.auditWorkspace');
      equal(report.files, 1);
      holds(report.findings >= 5 && report.markdown.includes('CHN101'), JSON.stringify(report));
      await vscode.commands.executeCommand('workbench.action.closeAllEditors');
      await open();
      await vscode.commands.executeCommand('advisor.audit');
      await shows('the report', 'CHN101');
    },
  },
  {
    name: 'the doctor opens what a bug report needs',
    body: async () => {
      await open();
      await vscode.commands.executeCommand('advisor.runDoctor');
      await shows('the report', 'torch');
    },
  },
  {
    name: 'install says that the advisor is there',
    body: async () => {
      await open();
      void vscode.commands.executeCommand('advisor.install'); // it ends with its message
      await until('the message', notifications, (all) => all.some((text) => text.includes('is installed')));
      await vscode.commands.executeCommand('notifications.clearAll');
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
