/** Which interpreters may run the server, in the order in which they are tried. Nothing is started here. */

import * as path from 'node:path';

/** What the choice depends on; `exists` and `real` (a path without links) look at the disk. */
export interface Surroundings {
  /** `advisor.server.interpreter`; empty is none. */
  setting: string;
  /** Interpreters of the environments that are active in the Python extension. */
  active: readonly string[];
  /** The workspace's folders. */
  folders: readonly string[];
  /** Whether what lies in them may be started. */
  trusted: boolean;
  environment: Readonly<Record<string, string | undefined>>;
  home: string;
  windows: boolean;
  exists(file: string): boolean;
  real(file: string): string;
  /** The first line of a small text file; empty where it cannot be read. */
  firstLine(file: string): string;
}

export interface Candidate {
  file: string;
  why: string;
}

export interface Choice {
  candidates: Candidate[];
  /** Sentences on what is not tried because of trust, or is not there. */
  notes: string[];
}

/** The setting alone where there is one; else the environments around, each interpreter once. */
export function choose(around: Surroundings): Choice {
  const notes: string[] = [];
  const wanted = around.setting === '' ? [...environments(around)] : named(around, notes);
  const candidates = new Map<string, Candidate>();
  for (const candidate of wanted) {
    if (!around.trusted && inWorkspace(around, candidate.file)) {
      notes.push(`${candidate.file} (${candidate.why}) lies in a workspace that is not trusted and is not started.`);
    } else if (!candidates.has(candidate.file)) {
      candidates.set(candidate.file, candidate);
    }
  }
  return { candidates: [...candidates.values()], notes };
}

function named(around: Surroundings, notes: string[]): Candidate[] {
  const why = 'the setting advisor.server.interpreter';
  const found = expanded(around, around.setting);
  if (found !== undefined && around.exists(found)) return [{ file: found, why }];
  notes.push(`There is no interpreter ${around.setting}: correct the setting advisor.server.interpreter.`);
  return [];
}

/** The setting as an absolute path: `~`, `${workspaceFolder}` and relative paths; a bare name is looked up on the PATH. */
function expanded(around: Surroundings, given: string): string | undefined {
  const folder = around.folders[0];
  let file = given.replace(/^~(?=$|[\\/])/, around.home);
  if (file.includes('${workspaceFolder}')) {
    if (folder === undefined) return undefined;
    file = file.replaceAll('${workspaceFolder}', folder);
  }
  if (!/[\\/]/.test(file)) return onPath(around, [file, `${file}.exe`]);
  if (!path.isAbsolute(file)) return folder === undefined ? undefined : path.join(folder, file);
  return path.normalize(file);
}

function* environments(around: Surroundings): Generator<Candidate> {
  for (const file of around.active) yield { file, why: 'the environment that is active in the Python extension' };
  for (const folder of around.folders) {
    for (const name of ['.venv', 'venv']) {
      const file = interpreterIn(around, path.join(folder, name));
      if (file !== undefined) yield { file, why: `${name} in ${folder}` };
    }
  }
  for (const variable of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const prefix = around.environment[variable];
    const file = prefix !== undefined && path.isAbsolute(prefix) ? interpreterIn(around, prefix) : undefined;
    if (file !== undefined) yield { file, why: `the active environment (${variable})` };
  }
  const program = onPath(around, ['advisor']);
  const shebang = program === undefined ? null : /^#!\s*(\/\S+)\s*$/.exec(around.firstLine(program));
  const behind = shebang?.[1];
  if (behind !== undefined && /python[\d.]*$/.test(behind) && around.exists(behind)) {
    yield { file: behind, why: `what ${program} runs with` };
  }
  const names = around.windows ? ['python.exe', 'python3.exe'] : ['python3', 'python'];
  const file = onPath(around, names);
  if (file !== undefined) yield { file, why: `${path.basename(file)} on the PATH` };
}

/** The interpreter of an environment; never resolved: the place of the link decides what it sees. */
export function interpreterIn(around: Pick<Surroundings, 'windows' | 'exists'>, prefix: string): string | undefined {
  const file = around.windows ? path.join(prefix, 'Scripts', 'python.exe') : path.join(prefix, 'bin', 'python');
  return around.exists(file) ? file : undefined;
}

/** The first of `names` on the PATH. Relative entries would be the workspace's: they do not count. */
function onPath(around: Surroundings, names: readonly string[]): string | undefined {
  const folders = (around.environment['PATH'] ?? '').split(path.delimiter).filter((entry) => path.isAbsolute(entry));
  for (const folder of folders) {
    for (const name of names) {
      const file = path.join(folder, name);
      if (around.exists(file) && (around.trusted || !inWorkspace(around, file))) return file;
    }
  }
  return undefined;
}

/** Whether an interpreter lies in the workspace, by its path or by where the folder around it really is. */
function inWorkspace(around: Surroundings, file: string): boolean {
  const folders = around.folders.flatMap((folder) => [folder, around.real(folder)]);
  const places = [file, path.join(around.real(path.dirname(file)), path.basename(file)), around.real(file)];
  return folders.some((folder) => places.some((place) => contains(folder, place)));
}

function contains(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
