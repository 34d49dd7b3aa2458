/** The environment that an interpreter is started with: nothing in it leads into a workspace that is not trusted. */

import * as path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Lists of folders that Python imports from at its start. */
const LISTS = ['PYTHONPATH', 'PYTHONHOME'];
/** Likewise, but one folder each, whatever is in its name: a user base may have a `.pth` file, a cache any bytecode. */
const FOLDERS = ['PYTHONUSERBASE', 'PYTHONPYCACHEPREFIX'];

/**
 * `environment` without the entries that lie in `folders` by name or in truth, and without relative ones; `real` is a
 * path without links. A variable that loses all is empty, which Python takes as not set.
 */
export function withoutFolders(
  environment: Environment,
  folders: readonly string[],
  real: (file: string) => string,
): Record<string, string | undefined> {
  const roots = folders.flatMap((folder) => [folder, real(folder)]);
  const outside = (entry: string): boolean =>
    path.isAbsolute(entry) && !roots.some((root) => [entry, real(entry)].some((place) => within(root, place)));
  const kept = Object.entries(environment).map(([name, value]) => {
    const parts = value === undefined ? undefined : entries(name, value);
    return [name, parts ? parts.filter(outside).join(path.delimiter) : value];
  });
  return Object.fromEntries(kept) as Record<string, string | undefined>;
}

/** The places that a variable has Python import from; undefined for another variable. */
function entries(name: string, value: string): string[] | undefined {
  const upper = name.toUpperCase();
  if (FOLDERS.includes(upper)) return [value];
  return LISTS.includes(upper) ? value.split(path.delimiter) : undefined;
}

/** Whether a place is a folder or lies in it. */
function within(folder: string, place: string): boolean {
  const relative = path.relative(folder, place);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
