/** The Python document that a person is at, as the server knows it: a cell is a part of its notebook. */

import { type NotebookDocument, type TextDocument, type TextEditor, type Uri, window, workspace } from 'vscode';

/** The one that has the keyboard. */
export function focused(): Uri | undefined {
  const active = window.activeTextEditor;
  return activeNotebook()?.uri ?? (active && isPython(active) ? knownAs(active.document) : undefined);
}

/** The one in front: beside a page such as the model view, or an output, that has the keyboard, one that is visible. */
export function front(): Uri | undefined {
  return focused() ?? (elsewhere() ? beside() : undefined);
}

/** The one in front, or any that is visible: what a command is about that does not say it. */
export function inSight(): Uri | undefined {
  return focused() ?? beside();
}

/** The editor of what is in front; that of a cell, where a notebook is. */
export function frontEditor(): TextEditor | undefined {
  const active = window.activeTextEditor;
  if (active && !elsewhere()) return isPython(active) ? active : undefined;
  return window.visibleTextEditors.find(isPython);
}

/** The texts of the document in front: all cells of a notebook. */
export function frontTexts(): TextDocument[] {
  const uri = front()?.toString();
  const notebook = workspace.notebookDocuments.find((one) => one.uri.toString() === uri);
  if (notebook) return notebook.getCells().map((cell) => cell.document);
  return workspace.textDocuments.filter((document) => document.uri.toString() === uri);
}

function elsewhere(): boolean {
  const active = window.activeTextEditor;
  return active === undefined || active.document.uri.scheme === 'output';
}

function beside(): Uri | undefined {
  const editor = window.visibleTextEditors.find(isPython);
  if (editor) return knownAs(editor.document);
  return window.visibleNotebookEditors.map(({ notebook }) => notebook).find(isJupyter)?.uri;
}

function activeNotebook(): NotebookDocument | undefined {
  const notebook = window.activeNotebookEditor?.notebook;
  return notebook && isJupyter(notebook) ? notebook : undefined;
}

function isJupyter(notebook: NotebookDocument): boolean {
  return notebook.notebookType === 'jupyter-notebook';
}

function isPython(editor: TextEditor): boolean {
  return editor.document.languageId === 'python';
}

function knownAs(document: TextDocument): Uri {
  const notebook = workspace.notebookDocuments.find((one) => one.getCells().some((cell) => cell.document === document));
  return notebook?.uri ?? document.uri;
}
