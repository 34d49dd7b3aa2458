import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { vscode } from './vscode';

function uriOf(text: string) {
  return { scheme: text.slice(0, text.indexOf(':')), toString: () => text };
}

function editor(uri: string, languageId = 'python') {
  return { document: { uri: uriOf(uri), languageId } };
}

const cell = editor('vscode-notebook-cell:/nb.ipynb#W0');
const notebook = {
  uri: uriOf('file:///nb.ipynb'),
  notebookType: 'jupyter-notebook',
  getCells: () => [{ document: cell.document }],
};
const net = editor('file:///net.py');
const notes = editor('file:///notes.md', 'markdown');

/** What is on the screen: what has the keyboard, and what else is visible. */
function seen(more: object): void {
  Object.assign(vscode.window, more);
}

/** What has the keyboard, what is in front and what is in sight. */
async function said(): Promise<(string | undefined)[]> {
  const { focused, front, inSight } = await import('../src/front');
  return [focused, front, inSight].map((ask) => ask()?.toString());
}

async function texts(): Promise<unknown[]> {
  return (await import('../src/front')).frontTexts();
}

beforeEach(() => {
  vscode.window = {};
  seen({ visibleTextEditors: [], visibleNotebookEditors: [] });
  Object.assign(vscode.workspace, { notebookDocuments: [notebook], textDocuments: [net.document, cell.document] });
});

test('nothing is in front of an empty window', async () => {
  assert.deepEqual(await said(), [undefined, undefined, undefined]);
});

test('a Python file with the keyboard is in front', async () => {
  seen({ activeTextEditor: net, visibleTextEditors: [cell, net] });
  assert.deepEqual(await said(), Array(3).fill('file:///net.py'));
  assert.deepEqual(await texts(), [net.document]);
});

test('a cell is a part of its notebook, also beside a page that has the keyboard', async () => {
  seen({ activeTextEditor: cell, visibleTextEditors: [cell] });
  assert.deepEqual(await said(), Array(3).fill('file:///nb.ipynb'));
  seen({ activeTextEditor: undefined });
  assert.deepEqual(await said(), [undefined, 'file:///nb.ipynb', 'file:///nb.ipynb']);
  assert.deepEqual(await texts(), [cell.document]);
});

test('so is a notebook of which no cell is written in', async () => {
  seen({ activeNotebookEditor: { notebook }, visibleNotebookEditors: [{ notebook }] });
  assert.deepEqual(await said(), Array(3).fill('file:///nb.ipynb'));
  seen({ activeNotebookEditor: undefined });
  assert.deepEqual(await said(), [undefined, 'file:///nb.ipynb', 'file:///nb.ipynb']);
});

test('beside another file with the keyboard nothing is in front, but a command finds what is visible', async () => {
  seen({ activeTextEditor: notes, visibleTextEditors: [notes, net] });
  assert.deepEqual(await said(), [undefined, undefined, 'file:///net.py']);
});

test('an output that has the keyboard is not in front', async () => {
  seen({ activeTextEditor: editor('output:log', 'log'), visibleTextEditors: [net] });
  assert.deepEqual(await said(), [undefined, 'file:///net.py', 'file:///net.py']);
});
