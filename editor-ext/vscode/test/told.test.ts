import assert from 'node:assert/strict';
import { test } from 'node:test';
import { told } from '../src/told';

const KEYS = ['server.interpreter', 'trace.server', 'python', 'minGain', 'codeLens.enabled'];
const DEFAULTS: Record<string, unknown> = { python: '', minGain: null, 'codeLens.enabled': true, 'trace.server': 'off' };

/** VS Code's settings, of which a person set some. */
function settings(set: Record<string, unknown>): Parameters<typeof told>[0] {
  return {
    get: (key: string) => (key in set ? set[key] : DEFAULTS[key]) as never,
    inspect: (key: string) => ({ key, defaultValue: DEFAULTS[key] as never, workspaceValue: set[key] as never }),
  };
}

test('what the person set is told, and nothing of the extension alone', () => {
  const set = { 'server.interpreter': '/x/python', 'trace.server': 'verbose', 'codeLens.enabled': false, minGain: 2 };
  assert.deepEqual(told(settings(set), KEYS, undefined), { minGain: 2, 'codeLens.enabled': false });
});

test('the active environment is no setting: the interpreter of pyproject.toml goes before it', () => {
  assert.deepEqual(told(settings({}), KEYS, '/env/bin/python'), { activeInterpreter: '/env/bin/python' });
});

test('an interpreter that the person set is told beside it', () => {
  assert.deepEqual(told(settings({ python: '/mine/python' }), KEYS, '/env/bin/python'), {
    python: '/mine/python',
    activeInterpreter: '/env/bin/python',
  });
});

test('an empty text is not set', () => {
  assert.deepEqual(told(settings({ python: '' }), KEYS, undefined), {});
});
