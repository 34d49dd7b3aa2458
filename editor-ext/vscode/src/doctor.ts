/** What a bug report needs, also when the server does not run. */

import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { env, extensions, version, window, workspace } from 'vscode';
import type { Parts } from './commands';
import { advisorArguments } from './probe';
import { SERVER } from './protocol';
import { isObject } from './reading';
import { childEnvironment } from './trust';

const PATIENCE_MS = 60_000;

export async function doctor(parts: Parts): Promise<void> {
  if (parts.daemon.running) {
    await parts.daemon.request('workspace/executeCommand', { command: SERVER.doctor, arguments: [] });
    return;
  }
  const content = [...ours(parts), await theirs(parts.launcher.interpreter)].join('\n');
  await window.showTextDocument(await workspace.openTextDocument({ language: 'markdown', content }));
}

/** What the extension knows: the editor, and which interpreters it asked. */
function ours({ context, launcher, daemon }: Parts): string[] {
  const python = extensions.getExtension('ms-python.python');
  const manifest: unknown = context.extension.packageJSON;
  const own = isObject(manifest) ? String(manifest['version']) : '';
  const { candidates, notes } = launcher.choice();
  const asked = launcher.missing?.asked ?? [];
  return [
    '# The advisor in this editor',
    '',
    `- ${env.appName} ${version}, ${env.appHost}${env.remoteName === undefined ? '' : ', remote'}; extension ${own}`,
    `- the Python extension is ${python ? (python.isActive ? 'active' : 'not active') : 'not installed'}`,
    `- the workspace is ${workspace.isTrusted ? '' : 'not '}trusted; the server: ${daemon.life}`,
    '',
    '## Interpreters, in the order in which they are tried',
    '',
    ...candidates.map(({ file, why }) => {
      const answer = asked.find((one) => one.file === file);
      return `- ${short(file)}: ${short(why)}${answer ? `; ${answer.error || 'without the advisor'}` : ''}`;
    }),
    ...notes.map((note) => `- ${short(note)}`),
    '',
  ];
}

/** What `advisor doctor` prints of the first folder. */
function theirs(interpreter: string | undefined): Promise<string> {
  if (interpreter === undefined) return Promise.resolve('The advisor was not found, so it cannot be asked.\n');
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir();
  const words = advisorArguments('doctor', ...(workspace.isTrusted ? [] : ['--no-run']), folder);
  const bounds = { timeout: PATIENCE_MS, killSignal: 'SIGKILL' } as const; // what hangs may not heed another signal
  const options = { cwd: homedir(), env: childEnvironment(), windowsHide: true, ...bounds };
  return new Promise((resolve) => {
    execFile(interpreter, words, options, (error, stdout, stderr) => {
      const failed = `\`advisor doctor\` failed: ${stderr.trim() || error?.message || 'it said nothing'}\n`;
      resolve(stdout.trim() === '' ? failed : stdout); // it exits with 1 where it found problems
    });
  });
}

/** Without the name of the person's home. */
function short(text: string): string {
  return text.replaceAll(homedir(), '~');
}
