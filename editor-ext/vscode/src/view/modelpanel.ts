/** One model view: a web page, the document that it shows, and what it asks the server. */

import {
  CancellationTokenSource,
  type Disposable,
  EventEmitter,
  type ExtensionContext,
  type TextEditor,
  Uri,
  type WebviewPanel,
  window,
} from 'vscode';
import { type Daemon, type Life, NOT_RUNNING } from '../daemon';
import {
  type ApplyFixResult,
  MODEL_VIEW,
  type ModelViewParams,
  type ModelViewResult,
  SERVER,
  type State,
  type Status,
  type Target,
  TARGETS,
  type TargetsResult,
} from '../protocol';
import { html, roots } from './html';
import { type FromPage, readMessage, type Saved, type ToPage, type Wish } from './messages';
import { reveal } from './places';
import { fileOf } from './scene/format';

/** The server ended a request because a newer one came, or its document changed. */
const SERVER_CANCELLED = -32802;
const CONTENT_MODIFIED = -32801;
/** Milliseconds until a request that the server ended is made once more. */
const AGAIN = 500;

export class ModelPanel implements Disposable {
  private saved: Saved = { uri: '', pinned: false, wish: {} };
  private view: ModelViewResult | undefined;
  /** What the page shows of the document. */
  private latest: Extract<ToPage, { type: 'view' }> | undefined;
  /** What was said after that: that another answer is under way, or why there is none. */
  private since: ToPage | undefined;
  /** Whether there was a reason to ask while the view was hidden. */
  private missed = false;
  private asking: CancellationTokenSource | undefined;
  private timer: NodeJS.Timeout | undefined;
  private known = '';
  private ready = false;
  private readonly gone = new EventEmitter<void>();
  private readonly disposables: Disposable[] = [];
  readonly onDidDispose = this.gone.event;

  constructor(
    private readonly panel: WebviewPanel,
    context: ExtensionContext,
    private readonly daemon: Daemon,
    saved: Saved | null,
  ) {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: roots(context.extensionUri) };
    this.disposables.push(
      webview.onDidReceiveMessage((said: unknown) => this.heard(said)),
      panel.onDidDispose(() => this.dispose()),
      panel.onDidChangeViewState(() => this.catchUp()),
      daemon.onStatus((status) => this.status(status)),
      daemon.onDidRestart(() => this.ask()),
      daemon.onLife((life) => this.lived(life)),
      window.onDidChangeTextEditorSelection(({ textEditor }) => this.cursor(textEditor)),
    );
    panel.iconPath = {
      light: Uri.joinPath(context.extensionUri, 'media', 'view', 'icon-light.svg'),
      dark: Uri.joinPath(context.extensionUri, 'media', 'view', 'icon-dark.svg'),
    };
    webview.html = html(webview, context.extensionUri);
    if (saved !== null) this.take(saved);
  }

  get uri(): string {
    return this.saved.uri;
  }

  get pinned(): boolean {
    return this.saved.pinned;
  }

  /** Show a document, and of it a model where one is named. What was chosen of targets stays. */
  show(uri: string, model?: string): void {
    const { target, compare } = this.saved.wish;
    const wish: Wish = { ...(model && { model }), ...(target && { target }), ...(compare && { compare }) };
    this.take({ uri, pinned: this.saved.pinned, wish });
  }

  reveal(): void {
    this.panel.reveal(undefined, true);
  }

  dispose(): void {
    this.ready = false; // an answer may still be on its way, and the page is gone
    this.asking?.cancel();
    clearTimeout(this.timer);
    for (const one of this.disposables.splice(0)) one.dispose();
    this.gone.fire();
    this.gone.dispose();
  }

  private take(saved: Saved): void {
    if (saved.uri !== this.uri) {
      this.view = this.latest = this.since = undefined;
    }
    this.saved = saved;
    this.panel.title = `Model: ${fileOf(saved.uri)}`;
    this.known = '';
    this.ask();
  }

  private heard(said: unknown): void {
    const message = readMessage(said);
    if (message !== null) void this.answer(message);
  }

  private async answer(message: FromPage): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.started();
        break;
      case 'wish':
        this.saved = { ...this.saved, wish: message.wish };
        this.ask();
        break;
      case 'pin':
        this.saved = { ...this.saved, pinned: message.pinned };
        if (this.latest) this.latest = { ...this.latest, pinned: message.pinned };
        break;
      case 'open':
        await this.tried(() => reveal(message.place, this.panel.viewColumn, message.stay));
        break;
      case 'apply':
        await this.tried(() => this.apply(message.finding));
        break;
      case 'explain':
        await this.tried(() => this.server(SERVER.explain, message.code));
        break;
      case 'retrace':
        await this.tried(() => this.server(SERVER.retrace, this.uri));
        break;
    }
  }

  /** The page is there, for the first time or again after it was hidden. */
  private started(): void {
    this.ready = true;
    if (this.latest !== undefined) this.post(this.latest);
    if (this.since !== undefined) this.post(this.since);
    else if (this.latest === undefined) this.busy(this.daemon.statusOf(Uri.parse(this.uri))?.state ?? 'waiting');
    this.catchUp();
  }

  /** Ask for what was not asked for while the view was hidden. */
  private catchUp(): void {
    if (this.missed && this.panel.visible) this.ask();
  }

  /** Says what goes wrong, to the person. */
  private async tried(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      void window.showErrorMessage(error instanceof Error ? error.message : String(error));
    }
  }

  /** Run a command of the server; VS Code knows it only while the server runs. */
  private server<R>(command: string, ...given: unknown[]): Promise<R> {
    return this.daemon.request<R>('workspace/executeCommand', { command, arguments: given });
  }

  private async apply(id: string): Promise<void> {
    const title = this.view?.findings.find((one) => one.id === id)?.fix?.title ?? id;
    const { applied, note } = await this.server<ApplyFixResult>(SERVER.applyFix, { uri: this.uri, finding: id });
    const message = `${applied ? 'Applied' : 'Not applied'}: ${title}${note && `; ${note}`}`;
    this.post({ type: 'said', message });
    const { fix, ...wish } = this.saved.wish;
    if (applied && fix === id) this.saved = { ...this.saved, wish };
    if (!applied && note !== '') void window.showInformationMessage(message); // else the person has said no
  }

  private status(status: Status): void {
    if (status.uri !== this.uri) return;
    const going = status.state === 'waiting' || status.state === 'tracing';
    const said = `${status.revision} ${status.state}`;
    if (said === this.known) return;
    this.known = said;
    if (going) {
      this.busy(status.state);
    } else {
      this.forgetModel(status);
      this.ask();
    }
  }

  /** A model that was renamed or removed is asked for no longer. */
  private forgetModel({ models }: Status): void {
    const { model, fix, ...others } = this.saved.wish;
    const gone = model !== undefined && models.length > 0 && models.every(({ name }) => name !== model);
    if (gone) this.saved = { ...this.saved, wish: others };
  }

  /** A server that is not started again answers nothing more. */
  private lived(life: Life): void {
    if (life !== 'down' && life !== 'idle') return;
    this.asking?.cancel();
    clearTimeout(this.timer);
    this.failed(NOT_RUNNING);
  }

  /** Ask for what the page shows, instead of what was asked for before. */
  private ask(retried = false): void {
    this.asking?.cancel();
    clearTimeout(this.timer);
    if (this.uri === '') return;
    this.missed = !this.panel.visible;
    if (this.missed) return;
    const source = new CancellationTokenSource();
    this.asking = source;
    const params: ModelViewParams = { uri: this.uri, ...this.saved.wish };
    const current = (): boolean => this.asking === source && !source.token.isCancellationRequested;
    const answered = Promise.all([
      this.daemon.request<ModelViewResult>(MODEL_VIEW, params, source.token),
      this.daemon.request<TargetsResult>(TARGETS, { uri: this.uri }, source.token),
    ]);
    answered.then(
      ([view, { targets }]) => {
        if (current()) this.shown(view, targets);
      },
      (error: unknown) => {
        if (!current()) return;
        if (wasCancelled(error) && !retried) {
          this.timer = setTimeout(() => this.ask(true), AGAIN);
        } else {
          this.failed(error instanceof Error ? error.message : String(error));
        }
      },
    );
  }

  private shown(view: ModelViewResult, targets: Target[]): void {
    this.view = view;
    const { fix, ...others } = this.saved.wish;
    if (fix !== undefined && view.preview === null) {
      this.saved = { ...this.saved, wish: others };
      this.post({ type: 'said', message: 'There is no preview of this finding any more.' });
    }
    const { pinned, wish } = this.saved;
    this.latest = { type: 'view', view, wish, targets, file: fileOf(view.uri), pinned };
    this.since = undefined;
    this.post(this.latest);
    for (const editor of window.visibleTextEditors) {
      if (editor === window.activeTextEditor) this.cursor(editor);
    }
  }

  private busy(state: State): void {
    this.since = { type: 'busy', state };
    this.post(this.since);
  }

  private failed(message: string): void {
    this.since = { type: 'failed', message };
    this.post(this.since);
  }

  private cursor(editor: TextEditor): void {
    const { start, end } = editor.selection;
    this.post({ type: 'cursor', uri: editor.document.uri.toString(), first: start.line, last: end.line });
  }

  private post(message: ToPage): void {
    if (this.ready) void this.panel.webview.postMessage(message);
  }
}

function wasCancelled(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return code === SERVER_CANCELLED || code === CONTENT_MODIFIED;
}
