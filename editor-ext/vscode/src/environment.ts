/** The environment that an interpreter is started with: nothing in it leads into a workspace that is not trusted. */

import * as path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Lists of folders that Python imports from at its start. */
const IMPORTED = ['PYTHONPATH', 'PYTHONHOME'];

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
  const kept = Object.entries(environment).map(([name, value]) =>
    value !== undefined && IMPORTED.includes(name.toUpperCase())
      ? [name, value.split(path.delimiter).filter(outside).join(path.delimiter)]
      : [name, value],
  );
  return Object.fromEntries(kept) as Record<string, string | undefined>;
}

/** Whether a place is a folder or lies in it. */
function within(folder: string, place: string): boolean {
  const relative = path.relative(folder, place);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
