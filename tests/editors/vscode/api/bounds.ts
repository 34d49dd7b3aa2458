/** Settings that count at once, too, and are not seen in one small file: limits, what is audited, own targets, scores. */

import * as vscode from 'vscode';
import { findings, titles } from './net.ts';
import { holds, type Test, until } from './harness.ts';
import { set } from './settings.ts';

type Look = () => boolean | Promise<boolean>;

/** A value of a setting, and how it looks with it and without. */
interface Live {
  key: string;
  value: unknown;
  seen: Look;
  plain: Look;
}

function uri(name: string): vscode.Uri {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  if (!folder) throw new Error('no folder is open');
  return vscode.Uri.joinPath(folder.uri, name);
}

async function open(name: string): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(uri(name));
  await vscode.window.showTextDocument(document);
  return document;
}

/** What stands above the models of a file, which is opened. */
const above = async (name: string): Promise<string> => titles(await open(name));

const traced = async (name: string): Promise<boolean> => / ms| us/.test(await above(name));

/** A file that is never opened. */
const OTHER = 'other.py';
const reported = (): boolean => findings({ uri: uri(OTHER) }, 'CHN101').length > 0;
const silent = (): boolean => findings({ uri: uri(OTHER) }).length === 0;

const AROUND: Live[] = [
  { key: 'workspaceDiagnostics.enabled', value: false, seen: silent, plain: reported },
  { key: 'exclude', value: [OTHER], seen: silent, plain: reported },
  {
    key: 'zeroShot',
    value: true,
    seen: async () => (await above('net.py')).includes('at initialisation: '),
    plain: async () => (await traced('net.py')) && !(await above('net.py')).includes('at initialisation: '),
  },
];

/** What was traced stays as it is, so these are seen of a text that is new: `why` its model was not. */
const LIMITS: [key: string, value: unknown, file: string, why: string][] = [
  ['timeLimit', 1, 'slow.py', 'its import took over'],
  ['memoryLimit', '600 MiB', 'hungry.py', 'it used more than 600 MiB'],
];

/** Set something while `body` goes on. */
async function during(key: string, value: unknown, body: () => Promise<void>): Promise<void> {
  await set(key, value);
  try {
    await body();
  } finally {
    await set(key, undefined);
  }
}

export const bounds: Test[] = [
  ...AROUND.map(({ key, value, seen, plain }) => ({
    name: `${key} counts at once, and no longer when it is gone`,
    body: async () => {
      await open('net.py');
      await until('all as without it', plain);
      await during(key, value, async () => void (await until(`the effect of ${key}`, seen)));
      await until('all as before', plain);
    },
  })),
  ...LIMITS.map(([key, value, file, why]) => ({
    name: `${key} counts at once, and no longer when it is gone`,
    body: async () => {
      const edit = new vscode.WorkspaceEdit();
      await during(key, value, async () => {
        edit.insert(uri(file), new vscode.Position(0, 0), 'NEW = True\n');
        holds(await vscode.workspace.applyEdit(edit));
        await until(why, () => above(file), (text) => text.includes(why));
      });
      await until('its trace', () => traced(file));
    },
  })),
  {
    name: 'targetDirs counts at once, and no longer when it is gone',
    body: () =>
      during('targets', ['mine'], async () => {
        const mine = async (): Promise<boolean> => (await above('net.py')).includes('mine: ');
        const none = async (): Promise<boolean> => (await above('net.py')).includes('the analysis failed');
        await until('no such target', none);
        await during('targetDirs', ['own'], async () => void (await until('what it takes there', mine)));
        await until('no such target again', none);
      }),
  },
];
