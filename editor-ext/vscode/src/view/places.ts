/** Showing a place in the source, beside the view. */

import { type NotebookDocument, NotebookRange, Range, Selection, Uri, ViewColumn, window, workspace } from 'vscode';
import type { Location } from '../protocol';

/** Show a place in the column that has its file, or in one without the view; `stay` leaves the keyboard where it is. */
export async function reveal(place: Location, view: ViewColumn | undefined, stay: boolean): Promise<void> {
  const uri = Uri.parse(place.uri, true);
  const notebook = workspace.notebookDocuments.find((one) => cellOf(one, uri) >= 0);
  if (notebook !== undefined) {
    await revealCell(place, notebook, view, stay);
    return;
  }
  const document = await workspace.openTextDocument(uri);
  const shown = window.visibleTextEditors.find((editor) => editor.document === document && editor.viewColumn);
  await window.showTextDocument(document, {
    viewColumn: shown?.viewColumn ?? columnBeside(view),
    selection: rangeOf(place),
    preserveFocus: stay,
    preview: true,
  });
}

async function revealCell(
  place: Location,
  notebook: NotebookDocument,
  view: ViewColumn | undefined,
  stay: boolean,
): Promise<void> {
  const uri = Uri.parse(place.uri, true);
  const at = cellOf(notebook, uri);
  const shown = window.visibleNotebookEditors.find((editor) => editor.notebook === notebook);
  await window.showNotebookDocument(notebook, {
    viewColumn: shown?.viewColumn ?? columnBeside(view),
    selections: [new NotebookRange(at, at + 1)],
    preserveFocus: stay,
  });
  const cell = window.visibleTextEditors.find((editor) => same(editor.document.uri, uri));
  if (cell !== undefined) {
    const { start, end } = rangeOf(place);
    cell.selection = new Selection(start, end);
    cell.revealRange(cell.selection);
  }
}

function cellOf(notebook: NotebookDocument, uri: Uri): number {
  return notebook.getCells().findIndex((cell) => same(cell.document.uri, uri));
}

function rangeOf({ range: { start, end } }: Location): Range {
  return new Range(start.line, start.character, end.line, end.character);
}

function same(one: Uri, other: Uri): boolean {
  return one.toString() === other.toString();
}

/** A column with an editor in it that is not the view's; the first, or beside the view, where there is none. */
function columnBeside(view: ViewColumn | undefined): ViewColumn {
  const columns = [...window.visibleTextEditors, ...window.visibleNotebookEditors].map((editor) => editor.viewColumn);
  const other = columns.find((column) => column !== undefined && column !== view);
  return other ?? (view === undefined || view === ViewColumn.One ? ViewColumn.Beside : ViewColumn.One);
}
