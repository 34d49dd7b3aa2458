/** What the status bar says, in words: no VS Code here. */

import type { ModelStatus, Status } from './protocol';

/** The icons are VS Code's own. */
const ICON = '$(circuit-board)';

/** Models in the tooltip. */
const LISTED = 12;

/** What the extension knows of the server. */
export type Server = 'starting' | 'running' | 'waiting' | 'down' | 'missing';

export interface Shown {
  text: string;
  /** Markdown. */
  tooltip: string;
  /** For screen readers. */
  spoken: string;
  level: 'ok' | 'warning' | 'error';
  /** What a click does: the id of a command. */
  command: string;
}

/** What there is to show for the document in front. */
export interface Facts {
  server: Server;
  /** What else is known of why the server is missing; empty where nothing is. */
  note: string;
  status: Status | undefined;
  /** The line of the cursor, from 0. */
  line: number;
  /** Whether a trace takes long enough to say so. */
  busy: boolean;
}

export function shown(facts: Facts): Shown {
  const { server, status } = facts;
  if (server === 'missing') return missing(facts.note);
  if (server === 'down') {
    const tooltip = 'The advisor failed too often and is not started again: a click starts it.';
    return { ...plain('$(error) advisor: stopped', tooltip, 'advisor.restart'), level: 'error' };
  }
  if (server !== 'running') {
    const what = server === 'waiting' ? 'is started again soon' : 'starts';
    return plain('$(loading~spin) advisor', `The advisor ${what}.`, 'advisor.showLog');
  }
  return status ? told(status, facts) : plain(ICON, 'The advisor waits for the first word on this file.', SELECT);
}

function missing(note: string): Shown {
  const said = 'The advisor is not installed: a click helps.';
  const found = plain(`${ICON} advisor: not installed`, `${said} ${note}`.trimEnd(), 'advisor.install');
  return { ...found, tooltip: `${said} ${escaped(note)}`.trimEnd() };
}

const SELECT = 'advisor.selectTarget';

function plain(text: string, tooltip: string, command: string): Shown {
  return { text, tooltip, spoken: `${spoken(text)}. ${tooltip}`, level: 'ok', command };
}

function told(status: Status, facts: Facts): Shown {
  const model = modelAt(status, facts.line);
  const parts = [status.target ?? 'advisor', ...(model && model.text !== '' ? [model.text] : [])];
  const state = short(status);
  if (state !== '') parts.push(state);
  // Nothing that spins, as $(loading) does by itself: while a person types it is busy all the time, and an animation has
  // every frame painted anew.
  const text = `${facts.busy ? '$(sync)' : iconOf(status)} ${parts.join(' · ')}`;
  const level = model?.level === 'over' ? 'error' : model?.level === 'near' ? 'warning' : 'ok';
  const aloud = [model?.name, ...parts, model?.why].filter((part) => part !== undefined && part !== '').join(', ');
  return { text, tooltip: tooltip(status, model), spoken: `Advisor: ${aloud}`, level, command: SELECT };
}

/** The innermost model that the cursor is in; else the costliest; else the first. */
export function modelAt(status: Status, line: number): ModelStatus | undefined {
  const around = status.models.filter((m) => m.range && m.range.start.line <= line && line <= m.range.end.line);
  const lines = (m: ModelStatus): number => (m.range ? m.range.end.line - m.range.start.line : Infinity);
  if (around.length > 0) return around.reduce((best, m) => (lines(m) < lines(best) ? m : best));
  const cost = (m: ModelStatus): number => m.latencyUs ?? -1;
  return status.models.reduce<ModelStatus | undefined>(
    (best, m) => (best === undefined || cost(m) > cost(best) ? m : best),
    undefined,
  );
}

function iconOf(status: Status): string {
  if (!status.trusted) return '$(workspace-untrusted)';
  return status.state === 'failed' ? '$(warning)' : ICON;
}

/** What is the matter, for the bar; empty where all is well. */
function short(status: Status): string {
  if (!status.trusted) return 'not trusted';
  // with figures at hand, a line that is half typed is no news
  if (status.state === 'failed') return status.models.some((m) => m.text !== '') ? '' : 'analysis failed';
  return status.state === 'cancelled' ? 'stopped' : '';
}

/** What is the matter, in a sentence. */
function sentence(status: Status): string {
  const how = 'The workspace is not trusted: nothing of it is run, and models are read from their source only.';
  if (!status.trusted) return `$(workspace-untrusted) ${how} [How to allow it](command:workbench.trust.manage)`;
  const again = '[Trace again](command:advisor.retrace)';
  if (status.state === 'failed')
    return `$(warning) The text cannot be imported as it is, or its analysis failed. ${again} · [Log](command:advisor.showLog)`;
  if (status.state === 'cancelled') return `$(circle-slash) You stopped the analysis. ${again}`;
  if (status.state === 'tracing' || status.state === 'waiting') return '$(loading~spin) Being traced…';
  return status.stale ? '$(history) The figures with ~ are from before the last edit.' : '';
}

function tooltip(status: Status, current: ModelStatus | undefined): string {
  const targets = status.targets.map((name, i) => (i === 0 ? `**${escaped(name)}**` : escaped(name)));
  const parts = [targets.length > 0 ? `Costs on ${targets.join(', ')}` : 'No target'];
  if (status.models.length > 0) parts.push(table(status, current));
  parts.push(
    ...listing(status.models, current)
      .filter((m) => m.why !== '')
      .map((m) => `$(warning) ${escaped(m.name)}: ${escaped(m.why)}`),
  );
  const matter = sentence(status);
  if (matter !== '') parts.push(matter);
  const links = ['[Switch target](command:advisor.selectTarget)', '[Settings](command:advisor.openSettings)'];
  if (status.models.length > 0) links.unshift('[Model view](command:advisor.showModelView)');
  parts.push(links.join(' · '));
  return parts.join('\n\n');
}

function table(status: Status, current: ModelStatus | undefined): string {
  const listed = listing(status.models, current);
  const rows = listed.map((m) => {
    const name = m === current ? `**${escaped(m.name)}**` : escaped(m.name);
    const figures = m.text === '' ? escaped(m.status) : escaped(m.text);
    return `| ${name} | ${figures} | ${escaped(m.label)} | ${m.findings === 0 ? '' : plural(m.findings)} |`;
  });
  const more = status.models.length - listed.length;
  if (more > 0) rows.push(`| … and ${more} more | | | |`);
  return ['| model | | | |', '|:--|:--|:--|:--|', ...rows].join('\n');
}

/** The model in the bar and the costliest of the others, as they stand in the file. */
function listing(models: ModelStatus[], current: ModelStatus | undefined): ModelStatus[] {
  const weight = (m: ModelStatus): number => (m === current ? Infinity : (m.latencyUs ?? -1));
  const kept = new Set([...models].sort((a, b) => weight(b) - weight(a)).slice(0, LISTED));
  return models.filter((m) => kept.has(m));
}

function plural(findings: number): string {
  return findings === 1 ? '1 finding' : `${findings} findings`;
}

/** Names come from code and from files: none of it is Markdown. */
export function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>$~&]/g, '\\$&').replace(/\s+/g, ' ');
}

function spoken(text: string): string {
  return text.replace(/\$\([^)]*\)\s*/g, '');
}
