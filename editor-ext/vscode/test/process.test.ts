import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ServerProcess } from '../src/process';

/** A server that runs a script of node's. */
function server(script: string): ServerProcess {
  return new ServerProcess({ command: process.execPath, args: ['-e', script] }, process.env);
}

const HANGS = 'setInterval(() => undefined, 1000)';

async function signalOf(child: ChildProcess): Promise<unknown> {
  const [, signal] = (await once(child, 'exit')) as unknown[];
  return signal;
}

test('what it said last is told, else how it ended', async () => {
  const talks = server("process.stderr.write('no sp'); process.stderr.write('ace\\n'); process.exitCode = 3");
  await once(await talks.start(), 'close');
  assert.equal(talks.farewell, 'It last said: no space');
  const silent = server('process.exit(3)');
  await once(await silent.start(), 'close');
  assert.equal(silent.farewell, 'It said nothing (exit code 3).');
});

test('one that does not end is killed, and its end is not told as its own', async () => {
  const hangs = server(HANGS);
  const child = await hangs.start();
  const ended = signalOf(child);
  hangs.kill();
  assert.equal(await ended, 'SIGKILL');
  assert.equal(hangs.farewell, 'It said nothing.');
});

test('one that was told to end has two seconds for it', async (context) => {
  const hangs = server(HANGS);
  const child = await hangs.start();
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const told = hangs.endSoon();
  context.mock.timers.tick(1_999);
  assert.equal(child.killed, false);
  const ended = signalOf(child);
  context.mock.timers.tick(1);
  assert.equal(await ended, 'SIGKILL');
  await told; // its end is waited for
  await hangs.endSoon(); // there is nothing left to wait for
});

test('what cannot be started says so', async () => {
  const nowhere = new ServerProcess({ command: '/nowhere/python', args: [] }, process.env);
  await assert.rejects(nowhere.start(), /ENOENT/);
  nowhere.kill();
});
