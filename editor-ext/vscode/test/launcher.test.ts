import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channel, logged } from './vscode';

test('a search that fails says so, and the next one starts the server', async () => {
  const { Launcher } = await import('../src/launcher');
  let broken = true;
  const environments = {
    interpreters: [],
    refresh: () => (broken ? Promise.reject(new Error('spawn UNKNOWN')) : Promise.resolve(false)),
  };
  const daemon = { life: 'idle', stop: () => Promise.resolve() };
  const launcher = new Launcher(daemon as never, environments as never, channel);
  let told = 0;
  launcher.onDidChange(() => told++);
  await launcher.ensure();
  assert.deepEqual(launcher.missing, { asked: [], notes: ['Error: spawn UNKNOWN'] });
  assert.equal(told, 1);
  assert.match(logged.join('\n'), /search .* failed: Error: spawn UNKNOWN/);
  broken = false;
  launcher.choice = () => ({ candidates: [], notes: ['another'] });
  await launcher.reconsider();
  assert.deepEqual(launcher.missing, { asked: [], notes: ['another'] });
});
