/** Showing a place in the source, beside the view. */

import { NotebookRange, Range, Uri, ViewColumn, window, workspace } from 'vscode';
import type { Location } from '../protocol';

function rangeOf({ range: { start, end } }: Location): Range {
  return new Range(start.line, start.character, end.line, end.character);
}

/** Show a place in the column that has its file, or in one without the view; `stay` leaves the keyboard where it is. */
export async function reveal(place: Location, view: ViewColumn | undefined, stay: boolean): Promise<void> {
  const uri = Uri.parse(place.uri, true);
  const preserveFocus = stay;
  const notebook = workspace.notebookDocuments.find((one) =>
    one.getCells().some((cell) => same(cell.document.uri, uri)),
  );
  if (notebook !== undefined) {
    const at = notebook.getCells().findIndex((cell) => same(cell.document.uri, uri));
    await window.showNotebookDocument(notebook, { preserveFocus, selections: [new NotebookRange(at, at + 1)] });
    return;
  }
  const document = await workspace.openTextDocument(uri);
  await window.showTextDocument(document, {
    viewColumn: columnOf(uri, view),
    selection: rangeOf(place),
    preserveFocus,
    preview: true,
  });
}

function same(one: Uri, other: Uri): boolean {
  return one.toString() === other.toString();
}

function columnOf(uri: Uri, view: ViewColumn | undefined): ViewColumn {
  const editors = window.visibleTextEditors.filter((editor) => editor.viewColumn !== undefined);
  const shown =
    editors.find((editor) => same(editor.document.uri, uri)) ?? editors.find((editor) => editor.viewColumn !== view);
  return shown?.viewColumn ?? (view === undefined || view === ViewColumn.One ? ViewColumn.Beside : ViewColumn.One);
}
