/**
 * Stands in for the Python extension: which environment is active, as its published API tells it.
 *
 * The first is `python.defaultInterpreterPath`'s. One whose folder has a `pyvenv.cfg` is virtual, others are the system's.
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';

interface EnvironmentPath {
  id: string;
  path: string;
}

interface ResolvedEnvironment extends EnvironmentPath {
  executable: { uri: vscode.Uri | undefined; bitness: string; sysPrefix: string };
  environment: { type: string; name: string; folderUri: vscode.Uri } | undefined;
}

interface ActiveEnvironmentPathChangeEvent extends EnvironmentPath {
  resource: vscode.WorkspaceFolder | undefined;
}

/** What tests and the advisor use of `PythonExtension`. */
export interface PythonApi {
  environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): EnvironmentPath;
    updateActiveEnvironmentPath(path: string, resource?: vscode.Uri): Promise<void>;
    resolveEnvironment(environment: EnvironmentPath | string): Promise<ResolvedEnvironment | undefined>;
    onDidChangeActiveEnvironmentPath: vscode.Event<ActiveEnvironmentPathChangeEvent>;
  };
}

export function activate(context: vscode.ExtensionContext): PythonApi {
  const changed = new vscode.EventEmitter<ActiveEnvironmentPathChangeEvent>();
  context.subscriptions.push(changed);
  let active = vscode.workspace.getConfiguration('python').get('defaultInterpreterPath', 'python');
  return {
    environments: {
      getActiveEnvironmentPath: () => ({ id: active, path: active }),
      updateActiveEnvironmentPath: async (path) => {
        active = path;
        changed.fire({ id: path, path, resource: vscode.workspace.workspaceFolders?.[0] });
      },
      resolveEnvironment: async (environment) => resolved(typeof environment === 'string' ? environment : environment.path),
      onDidChangeActiveEnvironmentPath: changed.event,
    },
  };
}

function resolved(path: string): ResolvedEnvironment | undefined {
  if (!existsSync(path)) return undefined;
  const prefix = dirname(dirname(path));
  const virtual = existsSync(join(prefix, 'pyvenv.cfg'));
  return {
    id: path,
    path,
    executable: { uri: vscode.Uri.file(path), bitness: '64-bit', sysPrefix: prefix },
    environment: virtual ? { type: 'VirtualEnvironment', name: 'test', folderUri: vscode.Uri.file(prefix) } : undefined,
  };
}
