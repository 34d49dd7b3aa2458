/** The extension's life: it waits for a Python file that imports torch, then finds and starts the server. */

import {
  commands,
  type Disposable,
  type ExtensionContext,
  extensions,
  type TextDocument,
  window,
  workspace,
} from 'vscode';
import { registerCommands } from './commands';
import { AdvisorDaemon } from './daemon';
import { importsTorch } from './imports';
import { Launcher } from './launcher';
import { Offers } from './offers';
import { PythonEnvironments } from './python';
import { said } from './said';
import { SECTION, traceWith } from './settings';
import { StatusBar } from './statusbar';
import { trustAddsPaths } from './trust';
import { registerModelView } from './view/panel';

let daemon: AdvisorDaemon | undefined;

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('Advisor', { log: true });
  const server = new AdvisorDaemon(log, (command) => void commands.executeCommand(command));
  daemon = server;
  const environments = new PythonEnvironments(log);
  const launcher = new Launcher(server, environments, log);
  const offers = new Offers(launcher);
  server.needed = () => launcher.ensure();
  traceWith((scope) => environments.virtualOf(scope));
  // The log is no subscription: those are disposed as soon as the server is told to end, before it has ended.
  context.subscriptions.push(
    server,
    environments,
    launcher,
    offers,
    new StatusBar(server, launcher),
    ...registerCommands({ context, daemon: server, launcher, offers, log }),
    ...contexts(server),
    ...changes(server, launcher, environments),
    firstModel(() => void said(() => launcher.ensure())),
  );
  registerModelView(context, server);
}

export async function deactivate(): Promise<void> {
  await daemon?.close();
}

/** Calls `found` once: when a Python document is open that imports torch, or one gains the import. */
function firstModel(found: () => void): Disposable {
  const listeners: Disposable[] = [];
  const end = (): void => listeners.splice(0).forEach((listener) => void listener.dispose());
  const look = (document: TextDocument, text: string): void => {
    if (listeners.length > 0 && document.languageId === 'python' && importsTorch(text)) {
      end();
      found();
    }
  };
  listeners.push(
    workspace.onDidOpenTextDocument((document) => look(document, document.getText())),
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      for (const { range, text } of contentChanges) {
        const lines = text.split('\n').length;
        const changed = Array.from({ length: lines }, (_, i) => lineOf(document, range.start.line + i));
        look(document, changed.join('\n'));
      }
    }),
  );
  for (const document of workspace.textDocuments) look(document, document.getText());
  return { dispose: end };
}

function lineOf(document: TextDocument, line: number): string {
  return line < document.lineCount ? document.lineAt(line).text : '';
}

/** What changes around the server while it runs. */
function changes(server: AdvisorDaemon, launcher: Launcher, environments: PythonEnvironments): Disposable[] {
  const reconsider = (): void => void said(() => launcher.reconsider());
  return [
    environments.onDidChange(reconsider),
    extensions.onDidChange(reconsider),
    workspace.onDidChangeWorkspaceFolders(reconsider),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(`${SECTION}.server.interpreter`)) reconsider();
    }),
    workspace.onDidGrantWorkspaceTrust(async () => {
      if (trustAddsPaths() && launcher.interpreter !== undefined) return said(() => launcher.restart());
      await said(() => server.trustGranted());
      reconsider();
    }),
    workspace.onDidCloseTextDocument((document) => server.forget(document.uri)),
    workspace.onDidCloseNotebookDocument((notebook) => server.forget(notebook.uri)),
  ];
}

/** What menus and the walkthrough ask for: whether the server runs, and whether a model was ever traced. */
function contexts(server: AdvisorDaemon): Disposable[] {
  const set = (name: string, value: boolean): void => void commands.executeCommand('setContext', name, value);
  return [
    server.onLife(() => set('advisor.running', server.running)),
    server.onStatus((status) => {
      if (status.state === 'traced' && status.models.length > 0) set('advisor.traced', true);
    }),
  ];
}
