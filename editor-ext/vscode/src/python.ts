/** The Python extension's active environments, where it is installed. Its API is taken as `unknown` and checked. */

import {
  type Disposable,
  type Event,
  EventEmitter,
  type Extension,
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

export class PythonEnvironments implements Disposable {
  private readonly changed = new EventEmitter<void>();
  private known = new Map<string, Environment>();
  private listener: Disposable | undefined;
  private heard: Extension<unknown> | undefined;

  /** Another environment is active somewhere. */
  readonly onDidChange = this.changed.event;

  constructor(private readonly log: LogOutputChannel) {}

  /** The interpreters of the active environments, that of the first folder first. */
  get interpreters(): string[] {
    return [...new Set([...this.known.values()].map((environment) => environment.interpreter))];
  }

  /** The interpreter of the virtual environment that is active in a folder; undefined where none is. */
  virtualOf(scope: Uri | undefined): string | undefined {
    const folder = scope && workspace.getWorkspaceFolder(scope);
    const environment = this.known.get((folder?.uri ?? scopes()[0])?.toString() ?? '');
    return environment?.virtual ? environment.interpreter : undefined;
  }

  /** Ask the Python extension anew; whether anything is another than before. */
  async refresh(): Promise<boolean> {
    const found = new Map<string, Environment>();
    const api = await this.soon(this.connect());
    for (const scope of api ? scopes() : []) {
      const environment = await this.soon(resolved(api, scope));
      if (environment) found.set(scope?.toString() ?? '', environment);
    }
    const same = JSON.stringify([...found]) === JSON.stringify([...this.known]);
    this.known = found;
    return !same;
  }

  dispose(): void {
    this.listener?.dispose();
    this.changed.dispose();
  }

  /** What the Python extension answers; undefined where it fails or takes long: the advisor starts without it. */
  private async soon<T>(answer: Promise<T>): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
    });
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      this.log.warn(`The Python extension does not tell its environments: ${String(error)}`);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The API, listened to; undefined without the extension, or for one that has no such API. */
  private async connect(): Promise<Environments | undefined> {
    const extension = extensions.getExtension<unknown>(PYTHON);
    if (!extension) return undefined;
    const exported: unknown = extension.isActive ? extension.exports : await extension.activate();
    const api = isObject(exported) ? exported['environments'] : undefined;
    if (!isEnvironments(api)) return undefined;
    if (this.heard !== extension) {
      this.listener?.dispose();
      this.listener = api.onDidChangeActiveEnvironmentPath(() => this.changed.fire());
      this.heard = extension;
    }
    return api;
  }
}

/** The workspace's folders; one scope without a name where there is none. */
function scopes(): (Uri | undefined)[] {
  const folders = workspace.workspaceFolders?.map((folder) => folder.uri) ?? [];
  return folders.length > 0 ? folders : [undefined];
}

async function resolved(api: Environments | undefined, scope: Uri | undefined): Promise<Environment | undefined> {
  const environment = await api?.resolveEnvironment(api.getActiveEnvironmentPath(scope));
  const executable = isObject(environment) ? environment['executable'] : undefined;
  const uri = isObject(executable) ? executable['uri'] : undefined;
  if (!isObject(environment) || !(uri instanceof Uri) || uri.scheme !== 'file') return undefined;
  return { interpreter: uri.fsPath, virtual: isObject(environment['environment']) };
}

function isEnvironments(value: unknown): value is Environments {
  const names = ['getActiveEnvironmentPath', 'resolveEnvironment', 'onDidChangeActiveEnvironmentPath'];
  return isObject(value) && names.every((name) => typeof value[name] === 'function');
}
