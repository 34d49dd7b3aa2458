/** The settings, as the extension and the server read them. */

import { type ConfigurationScope, Uri, extensions, workspace } from 'vscode';
import type { CancellationToken, ConfigurationParams, ConfigurationRequest } from 'vscode-languageclient/node';
import { isObject } from './reading';
import { told } from './told';

export const SECTION = 'advisor';
const ID = 'nas-advisor.nas-advisor';

/** The interpreter of the environment that is active in a folder. */
let interpreterOf: (scope: Uri | undefined) => string | undefined = () => undefined;

/** Have models traced by the interpreter that `of` gives, where no setting and no pyproject.toml names another. */
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
  return told(workspace.getConfiguration(SECTION, scope ?? null), keys(), interpreterOf(scope));
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
