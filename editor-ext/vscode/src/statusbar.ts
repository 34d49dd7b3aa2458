/** The status bar's item: what the model in front costs on the active target. */

import {
  type Disposable,
  MarkdownString,
  StatusBarAlignment,
  type StatusBarItem,
  type TextEditor,
  ThemeColor,
  commands,
  window,
} from 'vscode';
import type { AdvisorDaemon } from './daemon';
import { front, frontEditor, frontTexts } from './front';
import { documentImportsTorch } from './imports';
import type { Launcher } from './launcher';
import type { Status } from './protocol';
import { type Server, shown } from './statustext';

/** A trace that is done sooner is not announced: the item would flicker with every edit. */
const PATIENCE_MS = 400;
/** Links of the tooltip may run these and nothing else. */
const LINKED = [
  'advisor.showModelView',
  'advisor.selectTarget',
  'advisor.openSettings',
  'advisor.retrace',
  'advisor.showLog',
  'workbench.trust.manage',
];
const COLOURS = {
  ok: undefined,
  warning: new ThemeColor('statusBarItem.warningBackground'),
  error: new ThemeColor('statusBarItem.errorBackground'),
};

export class StatusBar implements Disposable {
  private readonly item: StatusBarItem;
  private readonly listeners: Disposable[];
  private timer: NodeJS.Timeout | undefined;
  private busy = false;
  private line = -1;
  /** Whether there are models in front, as menus were told. */
  private models = false;
  /** What the item says; empty while it is hidden. */
  private last = '';

  constructor(
    private readonly daemon: AdvisorDaemon,
    private readonly launcher: Launcher,
  ) {
    this.item = window.createStatusBarItem('advisor.status', StatusBarAlignment.Right, 90);
    this.item.name = 'Advisor';
    this.listeners = [
      daemon.onStatus((status) => this.heard(status)),
      daemon.onLife(() => this.render()),
      launcher.onDidChange(() => this.render()),
      window.onDidChangeActiveTextEditor(() => this.moved()),
      window.onDidChangeActiveNotebookEditor(() => this.moved()),
      window.onDidChangeTextEditorSelection((event) => this.selected(event.textEditor)),
    ];
    this.moved();
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const listener of this.listeners) listener.dispose();
    this.item.dispose();
  }

  private heard(status: Status): void {
    if (status.uri === front()?.toString()) this.wait(status);
  }

  private moved(): void {
    const uri = front();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.busy = false;
    this.wait(uri && this.daemon.statusOf(uri));
  }

  /** Show at once what is known, and later, if it still runs, that a trace runs. */
  private wait(status: Status | undefined): void {
    const works = status?.state === 'tracing' || status?.state === 'waiting';
    if (!works) {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.busy = false;
    } else if (this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.busy = true;
        this.render();
      }, PATIENCE_MS);
    }
    this.render();
  }

  private selected(editor: TextEditor): void {
    if (editor === frontEditor() && editor.selection.active.line !== this.line) this.render();
  }

  private render(): void {
    const uri = front();
    const status = uri && this.daemon.statusOf(uri);
    const models = (status?.models.length ?? 0) > 0;
    if (models !== this.models) void commands.executeCommand('setContext', 'advisor.hasModels', models);
    this.models = models;
    if (!uri || !(models || aboutModels())) {
      this.last = '';
      this.item.hide();
      return;
    }
    this.line = frontEditor()?.selection.active.line ?? 0;
    const note = this.launcher.missing?.notes[0] ?? '';
    const text = shown({ server: this.server(), note, status, line: this.line, busy: this.busy });
    const now = JSON.stringify(text);
    if (now === this.last) return; // the cursor moves with every key
    this.last = now;
    const tooltip = new MarkdownString(text.tooltip, true);
    tooltip.isTrusted = { enabledCommands: LINKED };
    this.item.text = text.text;
    this.item.tooltip = tooltip;
    this.item.command = text.command;
    this.item.backgroundColor = COLOURS[text.level];
    this.item.accessibilityInformation = { label: text.spoken, role: 'button' };
    this.item.show();
  }

  private server(): Server {
    const life = this.daemon.life;
    if (life !== 'idle') return life;
    return this.launcher.missing ? 'missing' : 'starting';
  }
}

/** Whether the document in front imports torch: of others nothing is said unless there are models in them. */
function aboutModels(): boolean {
  return frontTexts().some(documentImportsTorch);
}
