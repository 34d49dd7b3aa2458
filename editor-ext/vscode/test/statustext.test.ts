import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelStatus, Status } from '../src/protocol';
import { type Facts, modelAt, shown } from '../src/statustext';

function model(name: string, first: number, last: number, more: Partial<ModelStatus> = {}): ModelStatus {
  return {
    name,
    range: { start: { line: first, character: 0 }, end: { line: last, character: 9 } },
    status: 'ok',
    label: 'predicted',
    latencyUs: 1180,
    lowUs: 1100,
    highUs: 1260,
    peakBytes: 5_976_884,
    params: 1,
    macs: 1,
    uncounted: 0,
    findings: 0,
    level: 'ok',
    text: '1.18 ms ±6 % · 5.7 MiB',
    why: '',
    ...more,
  };
}

function status(more: Partial<Status> = {}): Status {
  return {
    uri: 'file:///net.py',
    state: 'traced',
    trusted: true,
    stale: false,
    target: 'ethos-u55-128',
    targets: ['ethos-u55-128', 'cpu-x86'],
    models: [model('Net', 10, 20)],
    revision: 1,
    ...more,
  };
}

function facts(more: Partial<Facts> = {}): Facts {
  return { server: 'running', note: '', status: status(), line: 12, busy: false, ...more };
}

test('target and figures, as the server words them', () => {
  const said = shown(facts());
  assert.equal(said.text, '$(circuit-board) ethos-u55-128 · 1.18 ms ±6 % · 5.7 MiB');
  assert.deepEqual([said.level, said.command], ['ok', 'advisor.selectTarget']);
  assert.match(said.spoken, /Net.*1\.18 ms/);
});

test('a budget that is near is amber, one that is passed red, and why is said', () => {
  const why = 'latency 1.18 ms is over the budget of 1 ms';
  assert.equal(
    shown(facts({ status: status({ models: [model('Net', 10, 20, { level: 'near' })] }) })).level,
    'warning',
  );
  const over = shown(facts({ status: status({ models: [model('Net', 10, 20, { level: 'over', why })] }) }));
  assert.equal(over.level, 'error');
  assert.match(over.tooltip.replaceAll('\\', ''), new RegExp(why));
  assert.match(over.spoken, new RegExp(why));
  assert.equal(shown(facts({ status: status({ models: [model('Net', 10, 20, { level: 'unknown' })] }) })).level, 'ok');
});

test('the model that the cursor is in, the innermost; else the costliest', () => {
  const models = [model('Outer', 0, 50), model('Inner', 10, 20), model('Big', 60, 70, { latencyUs: 9000 })];
  const of = (line: number, some = models): string | undefined => modelAt(status({ models: some }), line)?.name;
  assert.deepEqual([of(12), of(30), of(65), of(55)], ['Inner', 'Outer', 'Big', 'Big']);
  assert.equal(of(0, [model('A', 1, 2, { latencyUs: null, range: null }), model('B', 3, 4, { latencyUs: null })]), 'A');
  assert.equal(of(0, []), undefined);
});

test('every model is in the tooltip, the one in the bar in bold, and no name is taken for Markdown', () => {
  const models = [model('Net', 10, 20), model('make_net|x', 30, 40, { findings: 2, text: '', status: 'not *traced*' })];
  const { tooltip } = shown(facts({ status: status({ models }) }));
  assert.match(tooltip, /\| \*\*Net\*\* \|/);
  assert.match(tooltip, /\| make\\_net\\\|x \| not \\\*traced\\\* \|.*2 findings/);
  assert.match(tooltip, /\*\*ethos\\-u55\\-128\*\*, cpu\\-x86/);
});

test('of many models the tooltip has the costliest, the one in the bar among them', () => {
  const models = Array.from({ length: 76 }, (_, i) => model(`Net${i}`, 10 * i, 10 * i + 9, { latencyUs: i }));
  const { tooltip } = shown(facts({ status: status({ models }), line: 35 }));
  const rows = tooltip.split('\n').filter((line) => line.startsWith('| '));
  assert.deepEqual([rows[1]?.slice(2, 10), rows.at(-2)?.slice(2, 7)], ['**Net3**', 'Net75']);
  assert.match(rows.at(-1) ?? '', /and 64 more/);
  assert.equal(rows.length, 1 + 12 + 1);
});

test('a trace that takes long turns, figures of an earlier text say so', () => {
  assert.match(shown(facts({ busy: true })).text, /^\$\(sync\) ethos/);
  const stale = shown(facts({ status: status({ stale: true, models: [model('Net', 10, 20, { text: '~1.18 ms' })] }) }));
  assert.match(stale.text, / · ~1\.18 ms$/);
  assert.match(stale.tooltip, /before the last edit/);
});

test('what is not trusted, failed or was stopped says so', () => {
  const none = [model('Net', 10, 20, { text: '', level: 'unknown' })];
  const untrusted = shown(facts({ status: status({ trusted: false, state: 'static', models: none }) }));
  assert.equal(untrusted.text, '$(workspace-untrusted) ethos-u55-128 · not trusted');
  assert.match(untrusted.tooltip, /command:workbench\.trust\.manage/);
  const failed = shown(facts({ status: status({ state: 'failed', models: [] }) }));
  assert.equal(failed.text, '$(warning) ethos-u55-128 · analysis failed');
  assert.match(failed.tooltip, /command:advisor\.retrace/);
  assert.match(shown(facts({ status: status({ state: 'cancelled' }) })).text, / · stopped$/);
});

test('half a line that is being typed keeps the figures', () => {
  const models = [model('Net', 10, 20, { text: '~1.18 ms' })];
  const typing = shown(facts({ status: status({ state: 'failed', stale: true, models }) }));
  assert.equal(typing.text, '$(warning) ethos-u55-128 · ~1.18 ms');
});

test('without a server the item says what a click does about it', () => {
  const commands = (['missing', 'down', 'starting', 'waiting'] as const).map(
    (server) => shown(facts({ server })).command,
  );
  assert.deepEqual(commands, ['advisor.install', 'advisor.restart', 'advisor.showLog', 'advisor.showLog']);
  assert.equal(shown(facts({ server: 'down' })).level, 'error');
});

test('where the advisor is missing, what is not tried is said too, and no path is taken for Markdown', () => {
  const note = '/a/_x_/python lies in a workspace that is not trusted and is not started.';
  const said = shown(facts({ server: 'missing', note, status: undefined }));
  assert.match(said.tooltip, /a click helps\. \/a\/\\_x\\_\/python lies in a workspace that is not trusted/);
  assert.ok(said.spoken.endsWith(`a click helps. ${note}`), said.spoken);
  assert.match(shown(facts({ server: 'missing' })).tooltip, /a click helps\.$/);
});

test('before the server has said anything there are no figures', () => {
  assert.equal(shown(facts({ status: undefined })).text, '$(circuit-board)');
});
