/** The Python extension's active environments, where it is installed. Its API is taken as `unknown` and checked. */

import {
  type Disposable,
  type Event,
  EventEmitter,
  extensions,
  type LogOutputChannel,
  Uri,
  workspace,
} from 'vscode';
import { isObject } from './reading';

const PYTHON = 'ms-python.python';
/** How long a start waits for the Python extension; what it says later is taken as a change. */
const PATIENCE_MS = 5_000;

interface Environments {
  getActiveEnvironmentPath(scope?: Uri): unknown;
  resolveEnvironment(environment: unknown): Promise<unknown>;
  onDidChangeActiveEnvironmentPath: Event<unknown>;
}

interface Environment {
  interpreter: string;
  /** Whether it is a virtual one, and not what the system has. */
  virtual: boolean;
}

/** In place of an answer that takes long. */
const LATE: unique symbol = Symbol('late');

export class PythonEnvironments implements Disposable {
  private readonly changed = new EventEmitter<void>();
  /** By the name of a scope. */
  private readonly known = new Map<string, Environment>();
  /** The last question about each scope: what is answered late to an earlier one is old. */
  private readonly questions = new Map<string, symbol>();
  /** The environments after the last refresh. */
  private before = '[]';
  private listener: Disposable | undefined;
  private heard: Environments | undefined;

  /** Another environment is active somewhere. */
  readonly onDidChange = this.changed.event;

  constructor(private readonly log: LogOutputChannel) {}

  /** The interpreters of the active environments, that of the first folder first. */
  get interpreters(): string[] {
    return [...new Set(this.current().map(([, environment]) => environment.interpreter))];
  }

  /** The interpreter of the virtual environment that is active in a folder; undefined where none is. */
  virtualOf(scope: Uri | undefined): string | undefined {
    const folder = scope && workspace.getWorkspaceFolder(scope);
    const environment = this.known.get(nameOf(folder?.uri ?? scopes()[0]));
    return environment?.virtual ? environment.interpreter : undefined;
  }

  /** Ask the Python extension anew; whether anything is another than before. What it does not say in time stays. */
  async refresh(): Promise<boolean> {
    const api = await this.soon(this.connect(), (late) => late && this.changed.fire());
    if (!api) {
      this.known.clear();
    } else if (api !== LATE) {
      for (const scope of scopes()) await this.ask(api, scope);
    }
    const now = JSON.stringify(this.current());
    const moved = now !== this.before;
    this.before = now;
    return moved;
  }

  dispose(): void {
    this.listener?.dispose();
    this.changed.dispose();
  }

  /** The environments of the scopes, in their order. */
  private current(): [string, Environment][] {
    return scopes().flatMap((scope) => {
      const environment = this.known.get(nameOf(scope));
      return environment ? [[nameOf(scope), environment]] : [];
    });
  }

  private async ask(api: Environments, scope: Uri | undefined): Promise<void> {
    const name = nameOf(scope);
    const question = Symbol(name);
    this.questions.set(name, question);
    const answer = await this.soon(resolved(api, scope), (late) => {
      // one that says the same is no change: who is always slow would be asked for ever
      if (this.questions.get(name) === question && this.learn(name, late)) this.changed.fire();
    });
    if (answer !== LATE) this.learn(name, answer);
  }

  /** Keep what a scope's environment is; whether it was another. */
  private learn(name: string, environment: Environment | undefined): boolean {
    const before = JSON.stringify(this.known.get(name));
    if (environment) this.known.set(name, environment);
    else this.known.delete(name);
    return JSON.stringify(environment) !== before;
  }

  /**
   * What the Python extension answers, undefined where it fails. `LATE` where it takes long, as the advisor starts
   * without it: `late` is called with the answer.
   */
  private async soon<T>(
    answer: Promise<T>,
    late: (answer: T | undefined) => void,
  ): Promise<T | undefined | typeof LATE> {
    const told = answer.catch((error: unknown) => {
      this.log.warn(`The Python extension does not tell its environments: ${String(error)}`);
      return undefined;
    });
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<typeof LATE>((resolve) => {
      timer = setTimeout(() => resolve(LATE), PATIENCE_MS);
    });
    const first = await Promise.race([told, patience]);
    clearTimeout(timer);
    if (first === LATE) void told.then(late);
    return first;
  }

  /** The API, listened to; undefined without the extension, or for one that has no such API. */
  private async connect(): Promise<Environments | undefined> {
    const extension = extensions.getExtension<unknown>(PYTHON);
    if (!extension) return undefined;
    const exported: unknown = extension.isActive ? extension.exports : await extension.activate();
    const api = isObject(exported) ? exported['environments'] : undefined;
    if (!isEnvironments(api)) return undefined;
    if (this.heard !== api) {
      this.listener?.dispose();
      this.listener = api.onDidChangeActiveEnvironmentPath(() => this.changed.fire());
      this.heard = api;
    }
    return api;
  }
}

/** The workspace's folders; one scope without a name where there is none. */
function scopes(): (Uri | undefined)[] {
  const folders = workspace.workspaceFolders?.map((folder) => folder.uri) ?? [];
  return folders.length > 0 ? folders : [undefined];
}

function nameOf(scope: Uri | undefined): string {
  return scope?.toString() ?? '';
}

async function resolved(api: Environments, scope: Uri | undefined): Promise<Environment | undefined> {
  const environment = await api.resolveEnvironment(api.getActiveEnvironmentPath(scope));
  const executable = isObject(environment) ? environment['executable'] : undefined;
  const uri = isObject(executable) ? executable['uri'] : undefined;
  if (!isObject(environment) || !(uri instanceof Uri) || uri.scheme !== 'file') return undefined;
  return { interpreter: uri.fsPath, virtual: isObject(environment['environment']) };
}

function isEnvironments(value: unknown): value is Environments {
  const names = ['getActiveEnvironmentPath', 'resolveEnvironment', 'onDidChangeActiveEnvironmentPath'];
  return isObject(value) && names.every((name) => typeof value[name] === 'function');
}
