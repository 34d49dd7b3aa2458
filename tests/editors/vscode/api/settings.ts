/** Settings count at once: each is changed while all runs, its effect is seen, and without it all is as before. */

import { existsSync, readFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { fact, holds, same, type Test, until } from './harness.ts';
import { item } from './item.ts';
import { manifest } from './manifest.ts';
import { code, findings, hints, open, titles } from './net.ts';

type Document = vscode.TextDocument;

/** A value of a setting, and what is to be seen of it. */
interface Live {
  key: string;
  value: () => unknown;
  seen: (document: Document) => boolean | Promise<boolean>;
}

const codes = (document: Document): string => [...new Set(findings(document).map(code))].sort().join();
const withoutWidth = (document: Document): boolean =>
  findings(document).length > 0 && !codes(document).includes('CHN101');
const hint = async (document: Document): Promise<string> => [...(await hints(document)).values()].join(' / ');
const second = (): string => fact('targets').split(',')[1] ?? '';

/** Whether the interpreter `other` was started with words that end so. */
function started(how: string): boolean {
  const note = `${fact('other')}.note`;
  return existsSync(note) && readFileSync(note, 'utf-8').includes(how);
}

/** A figure with its unit, `factor` times as large. */
function times(name: string, factor: number): string {
  const [, figure = '', unit = ''] = /^([\d.]+) (.*)$/.exec(fact(name)) ?? [];
  return `${(Number(figure) * factor).toFixed(4)} ${unit}`;
}

const LIVE: Live[] = [
  { key: 'inlayHints.enabled', value: () => false, seen: async (document) => (await hints(document)).size === 0 },
  {
    key: 'inlayHints.show',
    value: () => ['shape'],
    seen: async (document) => /64×1×1/.test(await hint(document)) && !/ ms/.test(await hint(document)),
  },
  { key: 'codeLens.enabled', value: () => false, seen: async (document) => (await titles(document)) === '' },
  {
    key: 'targets',
    value: () => [second()],
    seen: async (document) => {
      const text = await titles(document);
      return text.includes(fact('latencyOnSecond')) && !text.includes(fact('latency'));
    },
  },
  { key: 'select', value: () => ['CHN'], seen: (document) => /^CHN\d+(,CHN\d+)*$/.test(codes(document)) },
  { key: 'ignore', value: () => ['CHN101'], seen: withoutWidth },
  { key: 'perFileIgnores', value: () => ({ 'net.py': ['CHN101'] }), seen: withoutWidth },
  { key: 'minGain', value: () => 60, seen: withoutWidth },
  { key: 'latencyBudget', value: () => times('latency', 0.9), seen: (document) => codes(document).includes('LAT601') },
  {
    key: 'memoryBudget',
    value: () => times('peak', 0.9),
    seen: (document) => findings(document, 'MEM401').some(({ message }) => message.includes('budget')),
  },
  {
    key: 'models',
    value: () => [{ path: 'net.py', name: 'Net', args: [20], input: [1, 3, 32, 32] }],
    seen: async (document) => /\b20\b/.test(await hint(document)),
  },
  { key: 'python', value: () => fact('other'), seen: () => started('worker/main.py') },
  { key: 'server.interpreter', value: () => fact('other'), seen: () => started(' lsp') },
];

/** They are seen in other files (`bounds.ts`). */
const ELSEWHERE = ['exclude', 'memoryLimit', 'targetDirs', 'timeLimit', 'workspaceDiagnostics.enabled', 'zeroShot'];
/** It is seen in the log (`helping.ts`). */
const LOGGED = ['trace.server'];
/** How many files are audited at the same time is not to be seen (`tests/daemon/lsp/test_auditing.py`). */
const UNSEEN = ['jobs'];

export async function set(name: string, value: unknown): Promise<void> {
  await vscode.workspace.getConfiguration('advisor').update(name, value, vscode.ConfigurationTarget.Workspace);
}

/** Wait until all is shown as without settings. */
async function plain(document: Document): Promise<void> {
  await until('all findings', () => codes(document), (some) => some === fact('codes'));
  await until('both targets', () => titles(document), (text) =>
    text.includes(fact('latency')) && text.includes(fact('latencyOnSecond')),
  );
  const line = Number(fact('convolutionLine'));
  await until('the hints', () => hints(document), (all) => all.get(line)?.includes(fact('convolutions')) ?? false);
}

export const settings: Test[] = [
  {
    name: 'no setting is forgotten here',
    body: async () => {
      const { properties } = manifest().contributes.configuration;
      const all = Object.keys(properties).map((key) => key.replace('advisor.', ''));
      same(all.sort(), [...LIVE.map(({ key }) => key), ...ELSEWHERE, ...LOGGED, ...UNSEEN].sort());
    },
  },
  ...LIVE.map(({ key, value, seen }) => ({
    name: `${key} counts at once, and no longer when it is gone`,
    body: async () => {
      const document = await open();
      await plain(document);
      holds(!(await seen(document)), 'it is seen before it is set');
      await set(key, value());
      await until(`the effect of ${key}`, () => seen(document));
      await set(key, undefined);
      await plain(document);
    },
  })),
  {
    name: 'budgets turn the item amber and red',
    body: async () => {
      const document = await open();
      await plain(document);
      const colours = async (setting: string, name: string): Promise<void> => {
        for (const [factor, colour] of [[0.9, 'error'], [1.05, 'warning']] as const) {
          await set(setting, times(name, factor));
          await until(`the item in ${colour}`, () => item(colour), (text) => text.includes(fact('latency')));
        }
        await set(setting, times(name, 4));
        await until('the item without a colour', () => item('error or warning'), (text) => text === '');
        holds((await item()).includes(fact('latency')), await item());
      };
      await set('memoryBudget', times('peak', 4)); // or the target's own memory is one
      await colours('latencyBudget', 'latency');
      await colours('memoryBudget', 'peak');
      await set('latencyBudget', undefined);
      await set('memoryBudget', undefined);
      await plain(document);
    },
  },
];
