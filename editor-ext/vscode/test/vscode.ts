/**
 * Stands in for VS Code, for what needs little of it: a test changes what `vscode` does, and then imports what it tests
 * with `await import(…)`, since a module that is imported at the top is loaded before this.
 */

import Module from 'node:module';

export class Uri {
  readonly scheme = 'file';
  constructor(readonly fsPath: string) {}
  toString(): string {
    return `file://${this.fsPath}`;
  }
}

export class EventEmitter<T> {
  private readonly listeners = new Set<(value: T) => void>();
  readonly event = (listener: (value: T) => void): { dispose(): void } => {
    this.listeners.add(listener);
    return { dispose: () => void this.listeners.delete(listener) };
  };
  fire(value: T): void {
    for (const listener of this.listeners) listener(value);
  }
  dispose(): void {
    this.listeners.clear();
  }
}

type Any = Record<string, unknown>;

export const vscode = {
  Uri,
  EventEmitter,
  ConfigurationTarget: { Global: 1, Workspace: 2 },
  QuickPickItemKind: { Separator: -1 },
  extensions: { getExtension: (): Any | undefined => undefined },
  workspace: {
    isTrusted: true,
    workspaceFolders: undefined as { uri: Uri }[] | undefined,
    getConfiguration: (): Any => ({ get: (_key: string, standard: unknown) => standard }),
    getWorkspaceFolder: (): undefined => undefined,
  },
  window: {} as Record<string, (...given: never[]) => Promise<unknown>>,
};

/** A log that keeps what it is told. */
export const logged: string[] = [];
const log = (text: string): number => logged.push(text);
export const channel = { info: log, warn: log, error: log, debug: log } as never;

/** Let everything run that waits for nothing else. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

const loader = Module as unknown as { _load(name: string, ...more: unknown[]): unknown };
const load = loader._load.bind(Module);
loader._load = (name, ...more) => (name === 'vscode' ? vscode : load(name, ...more));
