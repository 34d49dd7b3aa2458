/** The settings that the server is sent: those that the person set, and the active environment's interpreter. */

import { type ConfigurationScope, Uri, type WorkspaceConfiguration, extensions, workspace } from 'vscode';
import type { CancellationToken, ConfigurationParams, ConfigurationRequest } from 'vscode-languageclient/node';
import { isObject } from './reading';
import { isUnset } from './unset';

export const SECTION = 'advisor';
/** Settings of the extension alone: the server names keys that it does not know. */
const OURS = /^(server|trace)\./;
const ID = 'nas-advisor.nas-advisor';

/** Where models are to be traced in a folder: the interpreter of the environment that is active there. */
let interpreterOf: (scope: Uri | undefined) => string | undefined = () => undefined;

/** Have models traced by the interpreter that `of` gives, where no setting says another. */
export function traceWith(of: (scope: Uri | undefined) => string | undefined): void {
  interpreterOf = of;
}

/** Middleware of `workspace/configuration`. */
export const configuration: ConfigurationRequest.MiddlewareSignature = async (
  params: ConfigurationParams,
  token: CancellationToken,
  next: ConfigurationRequest.HandlerSignature,
) => {
  if (params.items.some((item) => item.section !== SECTION)) return next(params, token);
  return params.items.map((item) => sent(item.scopeUri === undefined ? undefined : Uri.parse(item.scopeUri)));
};

/** What the server is told for a folder, by flat key. */
export function sent(scope: Uri | undefined): Record<string, unknown> {
  const settings = workspace.getConfiguration(SECTION, scope ?? null);
  const told: Record<string, unknown> = {};
  for (const key of keys()) {
    if (!OURS.test(key) && isSet(settings, key)) told[key] = settings.get(key);
  }
  const python = interpreterOf(scope);
  if (told['python'] === undefined && python !== undefined) told['python'] = python;
  return told;
}

/** The interpreter that the person wants the server to run with; empty is none. */
export function serverInterpreter(scope?: ConfigurationScope): string {
  return workspace.getConfiguration(SECTION, scope).get<string>('server.interpreter', '').trim();
}

/** The keys of our section, as package.json lists them. */
function keys(): string[] {
  const manifest: unknown = extensions.getExtension(ID)?.packageJSON;
  const contributes = isObject(manifest) ? manifest['contributes'] : undefined;
  const parts = isObject(contributes) ? contributes['configuration'] : undefined;
  const properties = isObject(parts) ? parts['properties'] : undefined;
  return isObject(properties) ? Object.keys(properties).map((key) => key.slice(SECTION.length + 1)) : [];
}

/** Whether a person set it, anywhere: pyproject.toml and the server's defaults hold for the others. */
function isSet(settings: WorkspaceConfiguration, key: string): boolean {
  const found = settings.inspect(key);
  if (isUnset(settings.get(key), found?.defaultValue)) return false;
  return [found?.globalValue, found?.workspaceValue, found?.workspaceFolderValue].some((value) => value !== undefined);
}
