/** The workspace's model as VS Code has it: its text, and what the providers say of it. */

import * as vscode from 'vscode';
import { until } from './harness.ts';

/** Open `net.py` and show it. */
export async function open(): Promise<vscode.TextDocument> {
  const [file] = await vscode.workspace.findFiles('net.py');
  if (!file) throw new Error('there is no net.py in the workspace');
  const document = await vscode.workspace.openTextDocument(file);
  await vscode.window.showTextDocument(document);
  return document;
}

/** Where `text` stands first. */
export function place(document: vscode.TextDocument, text: string): vscode.Range {
  const start = document.getText().indexOf(text);
  if (start < 0) throw new Error(`${text} is not in ${document.getText()}`);
  return new vscode.Range(document.positionAt(start), document.positionAt(start + text.length));
}

export function code(diagnostic: vscode.Diagnostic): string {
  const { code } = diagnostic;
  return String(typeof code === 'object' ? code.value : code);
}

/** The advisor's diagnostics of a document. */
export function findings(document: Pick<vscode.TextDocument, 'uri'>, wanted?: string): vscode.Diagnostic[] {
  const all = vscode.languages.getDiagnostics(document.uri);
  return all.filter((found) => /^[A-Z]{3}\d{3}$/.test(code(found)) && (wanted === undefined || code(found) === wanted));
}

/** Wait for findings of a code. */
export function found(document: vscode.TextDocument, wanted: string): Promise<vscode.Diagnostic[]> {
  return until(`findings ${wanted}`, () => findings(document, wanted), (all) => all.length > 0);
}

/** Wait until no finding of a code is left. */
export async function gone(document: vscode.TextDocument, wanted: string): Promise<void> {
  await until(`no more findings ${wanted}`, () => findings(document, wanted), (all) => all.length === 0);
}

/** Quick fixes there; `resolved` asks for the edits of that many. */
export async function actions(
  document: vscode.TextDocument,
  range: vscode.Range,
  resolved = 0,
): Promise<vscode.CodeAction[]> {
  const all = await vscode.commands.executeCommand<vscode.CodeAction[]>(
    'vscode.executeCodeActionProvider',
    document.uri,
    range,
    vscode.CodeActionKind.QuickFix.value,
    resolved || undefined,
  );
  return all ?? [];
}

/** What stands behind each line (one-based) in hints. */
export async function hints(document: vscode.TextDocument): Promise<Map<number, string>> {
  const whole = new vscode.Range(0, 0, document.lineCount, 0);
  const all = await vscode.commands.executeCommand<vscode.InlayHint[]>(
    'vscode.executeInlayHintProvider',
    document.uri,
    whole,
  );
  const said = (hint: vscode.InlayHint): string =>
    typeof hint.label === 'string' ? hint.label : hint.label.map((part) => part.value).join('');
  return new Map((all ?? []).map((hint) => [hint.position.line + 1, said(hint)]));
}

/** The lenses, each with its command. */
export async function lenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
  const all = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    'vscode.executeCodeLensProvider',
    document.uri,
    100,
  );
  return all ?? [];
}

/** What the lenses say. */
export async function titles(document: vscode.TextDocument): Promise<string> {
  return (await lenses(document)).map((lens) => lens.command?.title ?? '').join(' / ');
}

/** What a hover there says. */
export async function hover(document: vscode.TextDocument, at: vscode.Position): Promise<string> {
  const all = await vscode.commands.executeCommand<vscode.Hover[]>('vscode.executeHoverProvider', document.uri, at);
  const texts = (all ?? []).flatMap((one) => one.contents);
  return texts.map((text) => (typeof text === 'string' ? text : text.value)).join('\n');
}
