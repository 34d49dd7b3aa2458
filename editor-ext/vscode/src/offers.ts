/** What the person is offered where the advisor is missing: to install it, or to use another interpreter. */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import * as path from 'node:path';
import {
  commands,
  ConfigurationTarget,
  type Disposable,
  env,
  extensions,
  ProcessExecution,
  type QuickPickItem,
  QuickPickItemKind,
  Task,
  TaskRevealKind,
  tasks,
  TaskScope,
  window,
  workspace,
} from 'vscode';
import type { Asked, Launcher, Missing } from './launcher';
import { commandLine, installation, recentEnough } from './probe';
import { said } from './said';
import { SECTION, serverInterpreter } from './settings';

const INSTALL = 'Install';
const ANOTHER = 'Use another interpreter…';
const LATER = 'Not now';
const COPY = 'Copy the command';

export class Offers implements Disposable {
  private readonly listener: Disposable;
  /** What was asked about before: the same is not asked twice in a window. */
  private asked = '';

  constructor(private readonly launcher: Launcher) {
    this.listener = launcher.onDidChange(() => this.offerOnce());
  }

  dispose(): void {
    this.listener.dispose();
  }

  /** Offer help; also where it was refused before. Nobody waits for the answer: what fails is a message. */
  offer(): Promise<void> {
    return said(() => this.help());
  }

  private async help(): Promise<void> {
    const missing = this.launcher.missing;
    const first = missing && installable(missing);
    const choice = missing
      ? await window.showWarningMessage(why(missing), ...(first ? [INSTALL] : []), ANOTHER, LATER)
      : await window.showInformationMessage(`The advisor is installed in ${this.launcher.interpreter}.`, ANOTHER);
    if (choice === INSTALL && first) await this.install(first);
    if (choice === ANOTHER) await this.another();
  }

  private offerOnce(): void {
    const missing = this.launcher.missing;
    if (!missing) return;
    const now = why(missing);
    if (now === this.asked) return;
    this.asked = now;
    void this.offer();
  }

  private async install(into: Asked): Promise<void> {
    const command = installation(into.file, into.pip, hasUv());
    if (!command) return;
    const line = commandLine(command, process.platform === 'win32');
    if (!workspace.isTrusted) return told(line);
    const [program, ...args] = command;
    const execution = new ProcessExecution(program, args, { cwd: homedir() });
    const scope = workspace.workspaceFolders?.length ? TaskScope.Workspace : TaskScope.Global;
    const task = new Task({ type: 'process' }, scope, 'Install the advisor', 'Advisor', execution);
    task.presentationOptions = { reveal: TaskRevealKind.Always, clear: true };
    if (await succeeded(task)) {
      await this.launcher.restart();
      return;
    }
    const message = 'The advisor was not installed: the terminal of the task "Install the advisor" says why.';
    if ((await window.showErrorMessage(message, COPY)) === COPY) await env.clipboard.writeText(line);
  }

  /** Have the person choose an interpreter, and keep it in the setting. */
  async another(): Promise<void> {
    const file = await this.pick();
    if (file === undefined) return;
    const settings = workspace.getConfiguration(SECTION);
    const folder = workspace.workspaceFolders?.some((each) => file.startsWith(each.uri.fsPath + path.sep)) ?? false;
    // without trust, what the workspace sets is not read
    const target = folder && workspace.isTrusted ? ConfigurationTarget.Workspace : ConfigurationTarget.Global;
    const current = (): string => serverInterpreter(workspace.workspaceFolders?.[0]);
    const before = current();
    await settings.update('server.interpreter', file, target);
    this.asked = '';
    // another value has the launcher search already, if it ever did
    await (current() === before ? this.launcher.restart() : this.launcher.ensure());
  }

  private async pick(): Promise<string | undefined> {
    interface Item extends QuickPickItem {
      file?: string;
      choose?: () => Thenable<unknown>;
    }
    const known: Item[] = this.launcher
      .choice()
      .candidates.map(({ file, why: description }) => ({ label: file, description, file }));
    const ways: Item[] = [
      { label: '$(folder-opened) Find…', description: 'a Python interpreter that has the advisor' },
    ];
    if (extensions.getExtension('ms-python.python')) {
      ways.push({
        label: '$(list-selection) Select with the Python extension…',
        description: 'for your code too',
        choose: () => commands.executeCommand('python.setInterpreter'),
      });
    }
    const items: Item[] = [...known, { label: '', kind: QuickPickItemKind.Separator }, ...ways];
    const item = await window.showQuickPick(items, { title: 'The interpreter that runs the advisor' });
    if (!item) return undefined;
    if (item.file !== undefined) return item.file;
    if (item.choose) {
      await item.choose();
      return undefined;
    }
    const files = await window.showOpenDialog({ title: 'The interpreter that runs the advisor', openLabel: 'Use' });
    return files?.[0]?.fsPath;
  }
}

/** Run a task to its end; whether it exited with 0. */
async function succeeded(task: Task): Promise<boolean> {
  let listener: Disposable | undefined;
  const ended = new Promise<number | undefined>((resolve) => {
    listener = tasks.onDidEndTaskProcess((event) => {
      const { name, source } = event.execution.task;
      if (name === task.name && source === task.source) resolve(event.exitCode);
    });
  });
  try {
    await tasks.executeTask(task);
    return (await ended) === 0;
  } finally {
    listener?.dispose();
  }
}

/** VS Code runs nothing in a workspace that is not trusted: the person may, elsewhere. */
async function told(command: string): Promise<void> {
  const message = `VS Code installs nothing while the workspace is not trusted. In a terminal of your own: ${command}`;
  if ((await window.showInformationMessage(message, COPY)) === COPY) await env.clipboard.writeText(command);
}

/** The interpreter that the advisor would be installed for. */
function installable(missing: Missing): Asked | undefined {
  const able = missing.asked.filter((one) => one.error === '' && recentEnough(one.python));
  return able.find((one) => installation(one.file, one.pip, hasUv()) !== undefined);
}

/** Why the server does not run, in a sentence or two; and what is not tried, as it may be the one that is meant. */
function why(missing: Missing): string {
  const first = installable(missing) ?? missing.asked[0];
  const [note] = missing.notes;
  if (!first) return note ?? 'The advisor needs Python 3.10 or newer, and no interpreter was found.';
  return note === undefined ? lacking(first) : `${lacking(first)} ${note}`;
}

/** What keeps an interpreter from running the server. */
function lacking(first: Asked): string {
  const version = first.python.join('.');
  if (first.error !== '') return `The advisor of ${first.file} cannot be used: ${first.error}.`;
  if (!recentEnough(first.python)) return `The advisor needs Python 3.10 or newer; ${first.file} is ${version}.`;
  return `The advisor is not installed for Python ${version} (${first.file}).`;
}

function hasUv(): boolean {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((entry) => path.isAbsolute(entry));
  return folders.some((folder) => existsSync(path.join(folder, process.platform === 'win32' ? 'uv.exe' : 'uv')));
}
