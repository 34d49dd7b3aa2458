import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Life } from '../../src/daemon';
import type { ModelViewParams, Status } from '../../src/protocol';
import type { Saved } from '../../src/view/messages';
import { EventEmitter, settle, vscode } from '../vscode';
import { answer } from './layers';

const NET = 'file:///net.py';
type Asked = [method: string, params: unknown];

class Source {
  readonly token = { isCancellationRequested: false };
  cancel(): void {
    this.token.isCancellationRequested = true;
  }
}

const errors: string[] = [];
const Uri = { parse: (text: string) => text, joinPath: (...parts: string[]) => parts.join('/') };
Object.assign(vscode, { CancellationTokenSource: Source, Uri });
Object.assign(vscode.window, {
  visibleTextEditors: [],
  onDidChangeTextEditorSelection: new EventEmitter<unknown>().event,
  showErrorMessage: (message: string) => void errors.push(message),
});

/** A view of `net.py` whose page is there, the server it asks, and what the page was told. */
async function viewed(wish: Saved['wish'] = {}) {
  const [life, status, restarted, heard] = [
    new EventEmitter<Life>(),
    new EventEmitter<Status>(),
    new EventEmitter<void>(),
    new EventEmitter<unknown>(),
  ];
  const [changed, gone] = [new EventEmitter<unknown>(), new EventEmitter<void>()];
  const asked: Asked[] = [];
  const told: { type: string; message?: string }[] = [];
  const answers: Record<string, unknown> = { 'advisor/modelView': answer(), 'advisor/targets': { targets: [] } };
  const daemon = {
    onLife: life.event,
    onStatus: status.event,
    onDidRestart: restarted.event,
    statusOf: () => undefined,
    request: (...question: Asked) => {
      asked.push([question[0], question[1]]);
      return Promise.resolve(answers[question[0]]);
    },
  };
  const panel = {
    visible: true,
    webview: {
      onDidReceiveMessage: heard.event,
      asWebviewUri: (uri: string) => uri,
      postMessage: (message: { type: string }) => told.push(message),
    },
    onDidDispose: gone.event,
    onDidChangeViewState: changed.event,
  };
  const { ModelPanel } = await import('../../src/view/modelpanel');
  const context = { extensionUri: 'file:///extension' };
  new ModelPanel(panel as never, context as never, daemon as never, { uri: NET, pinned: false, wish });
  heard.fire({ type: 'ready' });
  const models = (): ModelViewParams[] =>
    asked.filter(([method]) => method === 'advisor/modelView').map(([, params]) => params as ModelViewParams);
  const show = (visible: boolean): void => {
    panel.visible = visible;
    changed.fire(undefined);
  };
  const traced = (revision: number, ...names: string[]): void =>
    status.fire({ uri: NET, state: 'traced', revision, models: names.map((name) => ({ name })) } as Status);
  return { life, status, heard, asked, told, models, show, traced };
}

test('a server that is gone for good is told, also to the page that is shown again', async () => {
  const { life, status, heard, told, models } = await viewed();
  await settle();
  status.fire({ uri: NET, state: 'tracing', revision: 2, models: [] as unknown } as Status);
  assert.equal(told.at(-1)?.type, 'busy');
  life.fire('waiting'); // it is started again
  assert.equal(told.at(-1)?.type, 'busy');
  for (const now of ['down', 'idle'] as const) {
    life.fire(now);
    assert.match(told.at(-1)?.message ?? '', /does not run: start it/);
  }
  heard.fire({ type: 'ready' });
  assert.deepEqual(told.slice(-2).map(({ type }) => type), ['view', 'failed']);
  assert.equal(models().length, 1);
});

test('what its buttons do is asked of the server, which is no command of VS Code while it does not run', async () => {
  const { heard, asked } = await viewed();
  await settle();
  const before = asked.length;
  for (const message of [{ type: 'explain', code: 'CHN101' }, { type: 'retrace' }, { type: 'apply', finding: 'a' }]) {
    heard.fire(message);
  }
  await settle();
  assert.deepEqual(asked.slice(before), [
    ['workspace/executeCommand', { command: 'advisor.explain', arguments: ['CHN101'] }],
    ['workspace/executeCommand', { command: 'advisor.retrace', arguments: [NET] }],
    ['workspace/executeCommand', { command: 'advisor.applyFix', arguments: [{ uri: NET, finding: 'a' }] }],
  ]);
  assert.equal(errors.length, 1); // the fix has no answer here
});

test('the targets are those of its document', async () => {
  const { asked } = await viewed();
  await settle();
  assert.deepEqual(asked[1], ['advisor/targets', { uri: NET }]);
});

test('while it is hidden it asks for nothing, and once when it is shown again', async () => {
  const { models, show, traced } = await viewed();
  await settle();
  show(false);
  traced(2, 'Net');
  traced(3, 'Net');
  assert.equal(models().length, 1);
  show(true);
  show(true);
  assert.equal(models().length, 2);
});

test('a model that is gone is asked for no longer', async () => {
  const { models, traced } = await viewed({ model: 'Tiny', target: 'cpu-x86', fix: 'a' });
  await settle();
  traced(2, 'Net', 'Tiny');
  assert.equal(models().at(-1)?.model, 'Tiny');
  traced(3); // the text cannot be read now
  assert.equal(models().at(-1)?.model, 'Tiny');
  traced(4, 'Net', 'Small');
  assert.deepEqual(models().at(-1), { uri: NET, target: 'cpu-x86' });
});
