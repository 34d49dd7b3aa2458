/** The model views of a window: one follows the active editor, pinned ones stay with their document. */

import {
  commands,
  type ExtensionContext,
  type TextDocument,
  Uri,
  ViewColumn,
  type WebviewPanel,
  window,
  workspace,
} from 'vscode';
import type { Daemon } from '../daemon';
import { readSaved, type Saved } from './messages';
import { ModelPanel } from './modelpanel';

const TYPE = 'advisor.modelView';
const COMMAND = 'advisor.showModelView';

/** Registers the command, and what brings views back when a window is loaded again. */
export function registerModelView(context: ExtensionContext, daemon: Daemon): void {
  const views = new Views(context, daemon);
  context.subscriptions.push(
    commands.registerCommand(COMMAND, (asked?: unknown) => views.open(asked)),
    window.registerWebviewPanelSerializer(TYPE, {
      deserializeWebviewPanel: (panel: WebviewPanel, state: unknown) => {
        views.adopt(panel, readSaved(state));
        return Promise.resolve();
      },
    }),
    window.onDidChangeActiveTextEditor((editor) => views.follow(editor?.document)),
    daemon.onStatus(({ uri }) => {
      if (uri === uriOf(window.activeTextEditor?.document)) views.follow(window.activeTextEditor?.document);
    }),
  );
}

class Views {
  private readonly panels = new Set<ModelPanel>();

  constructor(
    private readonly context: ExtensionContext,
    private readonly daemon: Daemon,
  ) {}

  /** Show what a command asks for: `{uri, model}`, or nothing for the active editor. */
  open(asked: unknown): void {
    const { uri, model } = readAsked(asked);
    const wanted = uri ?? uriOf(window.activeTextEditor?.document) ?? this.visible();
    if (wanted === undefined) {
      void window.showInformationMessage('Open a Python file with a model first: the model view shows the active one.');
      return;
    }
    const there = [...this.panels].find((one) => one.uri === wanted) ?? [...this.panels].find((one) => !one.pinned);
    const panel = there ?? this.adopt(this.create());
    if (panel.uri !== wanted || model !== undefined) panel.show(wanted, model);
    if (there !== undefined) panel.reveal();
  }

  /** Take over a panel, with what it showed in an earlier life. */
  adopt(panel: WebviewPanel, saved: Saved | null = null): ModelPanel {
    const made = new ModelPanel(panel, this.context, this.daemon, saved);
    this.panels.add(made);
    made.onDidDispose(() => this.panels.delete(made));
    return made;
  }

  /** Bring the view that follows to a document that has models. */
  follow(document: TextDocument | undefined): void {
    const uri = uriOf(document);
    const following = [...this.panels].find((one) => !one.pinned);
    const shown = [...this.panels].some((one) => one.uri === uri);
    if (uri === undefined || following === undefined || shown) return;
    if ((this.daemon.statusOf(Uri.parse(uri))?.models.length ?? 0) > 0) following.show(uri);
  }

  private create(): WebviewPanel {
    return window.createWebviewPanel(
      TYPE,
      'Model',
      { viewColumn: ViewColumn.Beside, preserveFocus: true },
      { enableScripts: true, enableFindWidget: true },
    );
  }

  /** A document of an editor that is not the active one, as when the command comes from elsewhere. */
  private visible(): string | undefined {
    return window.visibleTextEditors.map((editor) => uriOf(editor.document)).find((uri) => uri !== undefined);
  }
}

/** The URI that the server knows a Python document by: a cell is a part of its notebook. */
function uriOf(document: TextDocument | undefined): string | undefined {
  if (document?.languageId !== 'python') return undefined;
  const notebook = workspace.notebookDocuments.find((one) => one.getCells().some((cell) => cell.document === document));
  return (notebook?.uri ?? document.uri).toString();
}

function readAsked(asked: unknown): { uri?: string; model?: string } {
  if (asked instanceof Uri) return { uri: asked.toString() }; // from a menu
  if (typeof asked !== 'object' || asked === null) return {};
  const { uri, model } = asked as Record<string, unknown>;
  return { ...(typeof uri === 'string' && { uri }), ...(typeof model === 'string' && { model }) };
}
