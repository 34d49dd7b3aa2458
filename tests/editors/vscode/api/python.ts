/** The environment that is active in the Python extension: which interpreter runs the server, which one the models. */

import { existsSync, readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import type { PythonApi } from '../python/extension.ts';
import { equal, fact, holds, same, screen, type Test, until } from './harness.ts';
import { found, hints, open } from './net.ts';

/** How an interpreter was started so far: its last argument (`lsp`), or `models` where it ran the worker. */
function starts(name: string): string[] {
  const note = `${fact(name)}.note`;
  const lines = existsSync(note) ? readFileSync(note, 'utf-8').trimEnd().split('\n') : [];
  return lines.map((line) => (line.includes('worker/main.py') ? 'models' : (line.split(' ').at(-1) ?? '')));
}

const ran = (name: string, what: string): number => starts(name).filter((start) => start === what).length;

async function environments(): Promise<PythonApi['environments']> {
  const extension = vscode.extensions.getExtension<PythonApi>('ms-python.python');
  holds(extension, 'there is no Python extension');
  return (await extension.activate()).environments;
}

/** Make another environment the active one, and wait until the server runs with an interpreter. */
async function choose(name: string, server = name): Promise<void> {
  const before = ran(server, 'lsp');
  await (await environments()).updateActiveEnvironmentPath(fact(name));
  await until(`a server started with ${server}`, () => ran(server, 'lsp'), (count) => count > before);
}

async function figures(): Promise<void> {
  const document = await open();
  await found(document, 'CHN101');
  const line = Number(fact('convolutionLine'));
  await until('the figures', () => hints(document), (all) => all.get(line)?.includes(fact('convolutions')) ?? false);
}

export const python: Test[] = [
  {
    name: 'the active environment’s interpreter runs the server, and a virtual one the models',
    body: async () => {
      equal((await environments()).getActiveEnvironmentPath().path, fact('first'));
      await figures();
      equal(ran('first', 'lsp'), 1);
      holds(ran('first', 'models') > 0, 'models were run by another interpreter');
      same([...starts('second'), ...starts('bare'), ...starts('system')], []);
    },
  },
  {
    name: 'another environment becomes active: the server and the models follow, and nothing is told twice',
    body: async () => {
      await choose('second');
      await figures();
      await until('models run by it', () => ran('second', 'models'), (count) => count > 0);
      await (await environments()).updateActiveEnvironmentPath(fact('second'));
      await figures();
      equal(ran('second', 'lsp'), 1);
      equal(ran('first', 'lsp'), 1);
    },
  },
  {
    name: 'an active environment without the advisor is asked, and the next interpreter runs the server',
    body: async () => {
      await choose('bare', 'fallback');
      equal(ran('bare', 'lsp'), 0);
      holds(starts('bare').length > 0, 'it was not asked');
      await figures();
    },
  },
  {
    name: 'a system’s interpreter that is active runs the server, and the models have the project’s own',
    body: async () => {
      await choose('system');
      await figures();
      equal(ran('system', 'models'), 0);
    },
  },
  {
    name: 'another interpreter is chosen of those that are known, and kept for the workspace',
    body: async () => {
      const before = ran('fallback', 'lsp');
      const asked = vscode.commands.executeCommand('advisor.chooseInterpreter');
      const rows = (await screen<string[]>('rows')).join();
      for (const row of [fact('system'), fact('fallback'), 'Find…', 'Select with the Python extension…']) {
        holds(rows.includes(row), rows);
      }
      await screen('pick', { type: fact('fallback'), row: fact('fallback') });
      await asked;
      await until('a server started with it', () => ran('fallback', 'lsp'), (count) => count > before);
      const kept = vscode.workspace.getConfiguration('advisor').inspect('server.interpreter');
      equal(kept?.workspaceValue, fact('fallback'));
      await figures();
    },
  },
];
