/** The extension's own commands. Those of the server are registered by the language client under their own ids. */

import {
  commands,
  type Disposable,
  type ExtensionContext,
  type LogOutputChannel,
  type QuickPickItem,
  window,
} from 'vscode';
import type { AdvisorDaemon } from './daemon';
import { doctor } from './doctor';
import { front } from './front';
import type { Launcher } from './launcher';
import type { Offers } from './offers';
import { type FixAllResult, SERVER, type Target, TARGETS, type TargetsParams, type TargetsResult } from './protocol';
import { said } from './said';

export interface Parts {
  context: ExtensionContext;
  daemon: AdvisorDaemon;
  launcher: Launcher;
  offers: Offers;
  log: LogOutputChannel;
}

type Run = () => Promise<unknown> | Thenable<unknown> | void;

export function registerCommands(parts: Parts): Disposable[] {
  const { context, daemon, launcher, offers, log } = parts;
  const id = context.extension.id;
  const own: Record<string, Run> = {
    'advisor.restart': () => launcher.restart(),
    'advisor.selectTarget': running(parts, selectTarget),
    'advisor.applySafeFixes': running(parts, applySafeFixes),
    'advisor.tellArgs': running(parts, tellArgs),
    'advisor.audit': running(parts, () => server(daemon, SERVER.auditWorkspace)),
    'advisor.runDoctor': () => doctor(parts),
    'advisor.install': async () => {
      await launcher.ensure();
      void offers.offer(); // the answer may come late, or never
    },
    'advisor.chooseInterpreter': () => offers.another(),
    'advisor.showLog': () => log.show(),
    'advisor.openSettings': () => commands.executeCommand('workbench.action.openSettings', `@ext:${id}`),
    'advisor.openWalkthrough': () => commands.executeCommand('workbench.action.openWalkthrough', `${id}#start`),
  };
  return Object.entries(own).map(([name, run]) => commands.registerCommand(name, () => said(run)));
}

/** What needs the server: it is started for it, and where it is missing the person is offered help. */
function running({ daemon, launcher, offers }: Parts, run: (daemon: AdvisorDaemon) => Promise<unknown>): Run {
  return async () => {
    await launcher.ensure();
    if (!launcher.missing) return run(daemon);
    void offers.offer();
    return undefined;
  };
}

function server<R>(daemon: AdvisorDaemon, command: string, ...given: unknown[]): Promise<R> {
  return daemon.request<R>('workspace/executeCommand', { command, arguments: given });
}

async function selectTarget(daemon: AdvisorDaemon): Promise<void> {
  interface Item extends QuickPickItem {
    target: string;
  }
  const uri = front();
  const params: TargetsParams = uri ? { uri: uri.toString() } : {};
  const found = daemon
    .request<TargetsResult>(TARGETS, params)
    .then(({ targets }) =>
      [...targets]
        .sort((a, b) => Number(b.active) - Number(a.active))
        .map((target): Item => ({ ...described(target), target: target.name })),
    );
  const options = { title: 'Cost models for which target?', matchOnDescription: true, matchOnDetail: true };
  const item = await window.showQuickPick(found, options);
  if (item) await server(daemon, SERVER.switchTarget, item.target);
}

function described(target: Target): QuickPickItem {
  const label = target.active ? `$(check) ${target.name}` : target.name;
  return { label, description: target.dtype, detail: target.description };
}

async function applySafeFixes(daemon: AdvisorDaemon): Promise<void> {
  const uri = front();
  if (!uri) throw new Error('Open a Python file first: its safe fixes are applied.');
  const result = await server<FixAllResult>(daemon, SERVER.fixAll, { uri: uri.toString(), preview: true });
  if (!result.applied && result.note !== '') void window.showInformationMessage(`Advisor: ${result.note}`);
}

async function tellArgs(daemon: AdvisorDaemon): Promise<void> {
  const uri = front();
  const models = uri ? (daemon.statusOf(uri)?.models ?? []) : [];
  if (!uri || models.length === 0) throw new Error('There is no model in front: open a file that has one.');
  const items = models.map((model) => ({ label: model.name, description: model.text || model.status }));
  const only = items.length === 1 ? items[0] : undefined;
  const item = only ?? (await window.showQuickPick(items, { title: 'Tell the args and inputs of which model?' }));
  if (item) await server(daemon, SERVER.tellInputs, { uri: uri.toString(), model: item.label });
}
