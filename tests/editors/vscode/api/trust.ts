/** What runs before and after a person trusts the workspace. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { equal, fact, holds, same, screen, type Test, until } from './harness.ts';
import { manifest } from './manifest.ts';
import { found, hints, open, titles } from './net.ts';

/** The files that the workspace's own interpreters make when they are started: for the models, and for the server. */
const ran = (): boolean => existsSync(fact('ran'));
const served = (): boolean => existsSync(fact('served'));

/** The settings that the workspace brings. */
function brought(): Record<string, unknown> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  return JSON.parse(readFileSync(join(folder, '.vscode', 'settings.json'), 'utf-8')) as Record<string, unknown>;
}

export const trust: Test[] = [
  {
    name: 'without trust no setting counts that names a program, though the workspace has it',
    body: async () => {
      equal(vscode.workspace.isTrusted, false);
      const { capabilities, contributes } = manifest();
      const restricted = capabilities.untrustedWorkspaces.restrictedConfigurations;
      const programs = Object.entries(contributes.configuration.properties);
      const wanted = programs.filter(([, { scope }]) => scope === 'machine-overridable').map(([key]) => key);
      same([...restricted].sort(), wanted.sort());
      const settings = brought();
      for (const key of restricted) {
        holds(settings[key], `the workspace does not set ${key}`);
        holds(vscode.workspace.getConfiguration().get(key) !== settings[key], `${key} counts`);
      }
    },
  },
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
      holds(!ran() && !served(), "an interpreter of the workspace's was started");
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
      await until("the server in the workspace's interpreter", served);
      for (const key of manifest().capabilities.untrustedWorkspaces.restrictedConfigurations) {
        equal(vscode.workspace.getConfiguration().get(key), brought()[key]);
      }
    },
  },
];
