/** What an interpreter has, by asking it; and the command lines that start the advisor with it. */

import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { isObject } from './reading';

/** The oldest Python that the advisor runs on. */
const OLDEST = [3, 10] as const;
const PATIENCE_MS = 30_000;

/**
 * Run before anything else: nothing is imported from the folder that Python is started in, which `-m` would put first
 * (and `-P` is newer than Python 3.10).
 */
const SAFE = 'import sys; sys.path[:] = filter(None, sys.path)';
const START = `${SAFE}; from advisor.__main__ import main; sys.exit(main())`;
const ASK = `${SAFE}
import importlib.util, json
try:
    from advisor.version import VERSION
    has = importlib.util.find_spec("advisor.client.forward") is not None and importlib.util.find_spec("advisor.daemon") is not None
    found = {"advisor": VERSION if has else None, "error": "" if has else "the package advisor there is another one"}
except ModuleNotFoundError as e:
    found = {"advisor": None, "error": "" if e.name == "advisor" else str(e)}
except Exception as e:
    found = {"advisor": None, "error": f"{type(e).__name__}: {e}"}
found["pip"] = importlib.util.find_spec("pip") is not None
found["python"] = list(sys.version_info[:3])
print("\\n" + json.dumps(found))
`;

/** What an interpreter said of itself. */
export interface Probed {
  /** The advisor's version; undefined where it is not installed. */
  advisor: string | undefined;
  /** Why it cannot be used though something is there; empty otherwise. */
  error: string;
  /** Its version; empty for what cannot be started. */
  python: number[];
  pip: boolean;
}

/**
 * Ask an interpreter; one that cannot be started or does not answer within `patience` (ms) has nothing, and says why.
 */
export function probe(file: string, env: NodeJS.ProcessEnv, patience = PATIENCE_MS): Promise<Probed> {
  // one that hangs may not heed a signal that it can handle, and would be waited for
  const options = { cwd: homedir(), env, timeout: patience, killSignal: 'SIGKILL', windowsHide: true } as const;
  const asked = new Promise<Probed>((resolve) => {
    execFile(file, ['-c', ASK], options, (error, stdout, stderr) => {
      const why = stderr.trim().split('\n').at(-1) || error?.message || 'it did not answer';
      resolve(readAnswer(stdout) ?? without(why));
    });
  });
  return asked.catch((error: unknown) => without(String(error))); // of a few failures, as a loop of links, it throws
}

function without(why: string): Probed {
  return { advisor: undefined, error: `it cannot be asked: ${why}`, python: [], pip: false };
}

/** The last line of the answer: what is imported at the start of an interpreter may print, too. */
export function readAnswer(text: string): Probed | undefined {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined; // no answer: a crash, or not Python
  }
  if (!isObject(value) || !Array.isArray(value['python'])) return undefined;
  const { advisor, error, python, pip } = value;
  return {
    advisor: typeof advisor === 'string' ? advisor : undefined,
    error: typeof error === 'string' ? error : '',
    python: python.filter((part) => typeof part === 'number'),
    pip: pip === true,
  };
}

/** Whether the advisor can be installed for a Python of that version. */
export function recentEnough(python: readonly number[]): boolean {
  const [major = 0, minor = 0] = python;
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** The arguments of an interpreter that run the advisor with `given`, such as `lsp`. */
export function advisorArguments(...given: string[]): string[] {
  return ['-c', START, ...given];
}

/** The command that installs the advisor; undefined where neither pip nor uv is there. The torch that is there stays. */
export function installation(file: string, pip: boolean, uv: boolean): [string, ...string[]] | undefined {
  if (pip) return [file, '-m', 'pip', 'install', 'nas-advisor'];
  return uv ? ['uv', 'pip', 'install', '--python', file, 'nas-advisor'] : undefined;
}

/** A command as it is typed in a terminal: names with blanks and the like are quoted. */
export function commandLine(command: readonly string[], windows: boolean): string {
  const quoted = (part: string): string => (windows ? `"${part}"` : `'${part.replaceAll("'", `'\\''`)}'`);
  const plain = windows ? /^[\w:\\/.~+-]+$/ : /^[\w:/.+-]+$/;
  return command.map((part) => (plain.test(part) ? part : quoted(part))).join(' ');
}
