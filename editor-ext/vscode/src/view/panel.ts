/** The model views of a window: one follows the active editor, pinned ones stay with their document. */

import { commands, type ExtensionContext, Uri, ViewColumn, type WebviewPanel, window } from 'vscode';
import type { Daemon } from '../daemon';
import { focused, inSight } from '../front';
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
    window.onDidChangeActiveTextEditor(() => views.follow(focused())),
    window.onDidChangeActiveNotebookEditor(() => views.follow(focused())),
    daemon.onStatus(({ uri }) => {
      const front = focused();
      if (uri === front?.toString()) views.follow(front);
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
    const wanted = uri ?? inSight()?.toString();
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
  follow(uri: Uri | undefined): void {
    const following = [...this.panels].find((one) => !one.pinned);
    const shown = [...this.panels].some((one) => one.uri === uri?.toString());
    if (uri === undefined || following === undefined || shown) return;
    if ((this.daemon.statusOf(uri)?.models.length ?? 0) > 0) following.show(uri.toString());
  }

  private create(): WebviewPanel {
    return window.createWebviewPanel(
      TYPE,
      'Model',
      { viewColumn: ViewColumn.Beside, preserveFocus: true },
      { enableScripts: true, enableFindWidget: true },
    );
  }
}

function readAsked(asked: unknown): { uri?: string; model?: string } {
  if (asked instanceof Uri) return { uri: asked.toString() }; // from a menu
  if (typeof asked !== 'object' || asked === null) return {};
  const { uri, model, notebookEditor } = asked as Record<string, unknown>;
  const notebook = notebookOf(notebookEditor);
  if (notebook) return { uri: notebook.toString() };
  return { ...(typeof uri === 'string' && { uri }), ...(typeof model === 'string' && { model }) };
}

/** The notebook of the toolbar that was clicked. */
function notebookOf(editor: unknown): Uri | undefined {
  const uri = typeof editor === 'object' && editor !== null && 'notebookUri' in editor ? editor.notebookUri : undefined;
  return uri instanceof Uri ? uri : undefined;
}
