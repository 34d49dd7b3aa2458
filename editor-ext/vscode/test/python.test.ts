import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import type { PythonEnvironments } from '../src/python';
import { channel, EventEmitter, settle, Uri, vscode } from './vscode';

/** Longer than the Python extension is waited for. */
const LONG_MS = 6_000;

/** What the Python extension answers, and after how long. */
let active = '/one/bin/python';
let slow = false;
let changes = new EventEmitter<unknown>();
let listeners = 0;

function after<T>(wait: boolean, value: () => T): Promise<T> {
  return wait ? new Promise((resolve) => setTimeout(() => resolve(value()), LONG_MS)) : Promise.resolve(value());
}

const environments = {
  getActiveEnvironmentPath: () => active,
  resolveEnvironment: (path: string) =>
    after(slow, () => ({ executable: { uri: new Uri(path) }, environment: { type: 'VirtualEnvironment' } })),
  onDidChangeActiveEnvironmentPath: (listener: () => void) => changes.event((listeners++, listener)),
};

/** VS Code makes another object at every call. */
const extension = (isActive = true): ReturnType<typeof vscode.extensions.getExtension> => ({
  isActive,
  exports: { environments },
  activate: () => after(!isActive, () => ({ environments })),
});

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
  [active, slow, changes] = ['/one/bin/python', false, new EventEmitter<unknown>()];
  listeners = 0;
  vscode.extensions.getExtension = () => extension();
});

async function made(): Promise<{ told: PythonEnvironments; fired: () => number }> {
  const { PythonEnvironments } = await import('../src/python');
  const told = new PythonEnvironments(channel);
  let fired = 0;
  told.onDidChange(() => fired++);
  return { told, fired: () => fired };
}

/** A refresh for which the time passes that it waits at most, and no more. */
async function refreshed(told: PythonEnvironments): Promise<boolean> {
  const done = told.refresh();
  await settle();
  mock.timers.tick(LONG_MS - 1);
  return done;
}

async function later(): Promise<void> {
  mock.timers.tick(LONG_MS);
  await settle();
}

test('an environment that is told late is a change then, and the old one counts until then', async () => {
  const { told, fired } = await made();
  assert.ok(await told.refresh());
  [active, slow] = ['/two/bin/python', true];
  assert.equal(await refreshed(told), false);
  assert.deepEqual([told.interpreters, fired()], [['/one/bin/python'], 0]);
  await later();
  assert.deepEqual([told.interpreters, fired()], [['/two/bin/python'], 1]);
  assert.ok(await refreshed(told), 'a refresh says that it is another');
  await later();
  assert.deepEqual([told.virtualOf(undefined), fired()], ['/two/bin/python', 1], 'it is asked for ever');
});

test('a late answer to an earlier question does not count', async () => {
  const { told, fired } = await made();
  slow = true;
  await refreshed(told);
  [active, slow] = ['/two/bin/python', false];
  await told.refresh();
  await later();
  assert.deepEqual([told.interpreters, fired()], [['/two/bin/python'], 0]);
});

test('a Python extension that takes long to activate is a change once it is active', async () => {
  const { told, fired } = await made();
  vscode.extensions.getExtension = () => extension(false);
  assert.equal(await refreshed(told), false);
  await later();
  assert.equal(fired(), 1);
  vscode.extensions.getExtension = () => extension();
  assert.ok(await told.refresh());
  assert.deepEqual(told.interpreters, ['/one/bin/python']);
});

test('its changes are listened to once, however often it is asked', async () => {
  const { told, fired } = await made();
  for (let i = 0; i < 3; i++) await told.refresh();
  changes.fire(undefined);
  assert.deepEqual([listeners, fired()], [1, 1]);
});

test('without the Python extension there is nothing to wait for', async () => {
  const { told } = await made();
  await told.refresh();
  vscode.extensions.getExtension = () => undefined;
  assert.ok(await told.refresh());
  assert.deepEqual(told.interpreters, []);
  assert.equal(await told.refresh(), false);
});
