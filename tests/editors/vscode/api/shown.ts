/** What is shown of a model: findings, hovers, hints and lenses, each with the engine's own figures. */

import * as vscode from 'vscode';
import { equal, fact, holds, type Test, until } from './harness.ts';
import { EXTENSION } from './manifest.ts';
import { code, findings, found, hints, hover, lenses, open, place } from './net.ts';

/** Wait for a hint and give it. */
async function hint(document: vscode.TextDocument, line: number): Promise<string> {
  const all = await until('hints', () => hints(document), (some) => some.get(line)?.includes('ms') ?? false);
  return all.get(line) ?? '';
}

export const shown: Test[] = [
  {
    name: 'it starts nothing for a Python file without torch',
    body: async () => {
      const plain = await vscode.workspace.openTextDocument({ language: 'python', content: 'import json\n' });
      await vscode.window.showTextDocument(plain);
      const extension = vscode.extensions.getExtension(EXTENSION);
      holds(extension, `${EXTENSION} is not installed`);
      await until('the extension to be active', () => extension.isActive);
      holds(!(await vscode.commands.getCommands(true)).includes('advisor.retrace'), 'the server was started');
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    },
  },
  {
    name: 'findings stand on their numbers, with their messages and links to their pages',
    body: async () => {
      const document = await open();
      const [width] = await found(document, 'CHN101');
      holds(width);
      holds(width.message.startsWith(fact('width')), width.message);
      equal(width.source, 'advisor');
      equal(document.getText(width.range), '68');
      equal(width.range.start.line + 1, Number(fact('line')));
      const codes = (some: vscode.Diagnostic[]): string => [...new Set(some.map(code))].sort().join();
      const all = await until('all findings', () => findings(document), (some) => codes(some) === fact('codes'));
      for (const one of all) {
        holds(typeof one.code === 'object', 'the code has no link');
        holds(one.code.target.toString().includes(code(one)), one.code.target.toString());
      }
    },
  },
  {
    name: 'hints say what comes out and what it takes',
    body: async () => {
      const document = await open();
      const line = Number(fact('convolutionLine'));
      const text = await hint(document, line);
      holds(text.includes('×3') && text.includes(`Σ ${fact('convolutions')}`), text);
      const all = await hints(document);
      const pool = place(document, 'nn.AdaptiveAvgPool2d').start.line + 1;
      holds(all.get(pool)?.includes('64×1×1'), all.get(pool));
    },
  },
  {
    name: 'a hover has the layers, what they cost on each target and what the findings say',
    body: async () => {
      const document = await open();
      const text = await hover(document, place(document, 'nn.Conv2d').start);
      for (const part of [...fact('targets').split(','), 'wide.conv', 'deep.conv', 'OPS503']) {
        holds(text.includes(part), `${part} is not in ${text}`);
      }
      const model = await hover(document, place(document, 'Net(').start);
      holds(model.includes(fact('latency')) && model.includes(fact('latencyOnSecond')), model);
    },
  },
  {
    name: 'lenses say what the model costs, and open its table',
    body: async () => {
      const document = await open();
      const all = await until('lenses', () => lenses(document), (some) => some.length > 0);
      const titles = all.map((lens) => lens.command?.title ?? '');
      holds(titles.some((title) => title.includes(fact('latency'))), titles.join(' / '));
      holds(titles.some((title) => title.includes(fact('latencyOnSecond'))), titles.join(' / '));
      const lens = all.find(({ command }) => command?.title.includes(fact('latency')));
      equal(lens?.range.start.line, place(document, 'class Net').start.line);
      holds(lens?.command);
      await vscode.commands.executeCommand(lens.command.command, ...(lens.command.arguments ?? []));
      const texts = (): string[] => vscode.workspace.textDocuments.map((other) => other.getText());
      const shows = (some: string[]): boolean => some.some((text) => text.includes('deep.conv'));
      await until('the table of layers', texts, shows);
      await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
    },
  },
];
