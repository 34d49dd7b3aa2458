/** What the server is told of a folder's settings: those that the person set, and which environment is active there. */

import type { WorkspaceConfiguration } from 'vscode';
import { isUnset } from './unset';

/** Settings of the extension alone: the server names keys that it does not know. */
const OURS = /^(server|trace)\./;
/** No setting: the server takes it where neither a setting nor pyproject.toml names an interpreter. */
const ACTIVE = 'activeInterpreter';

type Settings = Pick<WorkspaceConfiguration, 'get' | 'inspect'>;

/** By flat key; `active` is the interpreter of the environment that is active in the folder. */
export function told(settings: Settings, keys: Iterable<string>, active: string | undefined): Record<string, unknown> {
  const set = [...keys].filter((key) => !OURS.test(key) && isSet(settings, key));
  const said = Object.fromEntries(set.map((key) => [key, settings.get<unknown>(key)]));
  return active === undefined ? said : { ...said, [ACTIVE]: active };
}

/** Whether a person set it, anywhere: pyproject.toml and the server's defaults hold for the others. */
function isSet(settings: Settings, key: string): boolean {
  const found = settings.inspect(key);
  if (isUnset(settings.get(key), found?.defaultValue)) return false;
  return [found?.globalValue, found?.workspaceValue, found?.workspaceFolderValue].some((value) => value !== undefined);
}
