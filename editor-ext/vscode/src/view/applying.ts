/** Applying the fix of a finding: by the quick fix that the editor itself would offer at its place. */

import { type CodeAction, CodeActionKind, type Command, commands, Uri, workspace } from 'vscode';
import type { Finding } from '../protocol';
import { rangeOf } from './places';

/** How many quick fixes at one place have their edits asked for: the place of a finding has about five. */
const RESOLVED = 50;

/** Apply a finding's fix; says what happened, in a sentence. */
export async function apply(finding: Finding): Promise<string> {
  const { fix, source } = finding;
  if (fix === null || source === null) {
    return `${finding.code} has no fix to apply.`;
  }
  const uri = Uri.parse(source.uri, true);
  await workspace.openTextDocument(uri); // quick fixes are offered in open documents only
  const offered = await commands.executeCommand<(CodeAction | Command)[]>(
    'vscode.executeCodeActionProvider',
    uri,
    rangeOf(source),
    CodeActionKind.QuickFix.value,
    RESOLVED,
  );
  const action = offered.filter(isAction).find((one) => one.title === fix.title && isAbout(one, finding.code));
  if (action?.edit === undefined) {
    return `The fix of ${finding.code} is not offered at present: it is again once the file is analysed.`;
  }
  const applied = await workspace.applyEdit(action.edit);
  if (applied && action.command !== undefined) {
    await commands.executeCommand(action.command.command, ...((action.command.arguments ?? []) as unknown[]));
  }
  return applied ? `Applied: ${fix.title}` : `Not applied: ${fix.title}`;
}

function isAction(offered: CodeAction | Command): offered is CodeAction {
  return typeof offered.command !== 'string';
}

function isAbout(action: CodeAction, code: string): boolean {
  const codes = (action.diagnostics ?? []).map(({ code: said }) => (typeof said === 'object' ? said.value : said));
  return codes.length === 0 || codes.includes(code);
}
