import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { settle, vscode } from './vscode';

const PROGRAM = { command: 'python', args: [] };

/** What happened, and how the servers that were told to end do so, the first first. */
const events: string[] = [];
const ends: (() => void)[] = [];

class Client {
  private readonly number = events.filter((event) => event.startsWith('start ')).length + 1;

  onNotification(): void {
    // no server says anything
  }

  start(): Promise<void> {
    events.push(`start ${this.number}`);
    return Promise.resolve();
  }

  dispose(): Promise<void> {
    events.push(`told ${this.number}`);
    return new Promise((resolve) => ends.push(resolve));
  }
}

const log = Object.fromEntries(['info', 'debug', 'warn', 'error'].map((name) => [name, () => undefined]));
const channel = { ...log, dispose: () => events.push('log closed') };

async function started() {
  const { AdvisorDaemon } = await import('../src/daemon');
  const load = () => Promise.resolve({ Client, clientOptions: () => ({}) });
  const daemon = new AdvisorDaemon(channel as never, () => undefined, load as never);
  daemon.onLife((life) => events.push(life));
  await daemon.start(PROGRAM);
  return daemon;
}

beforeEach(() => {
  events.length = ends.length = 0;
  Object.assign(vscode.workspace, { textDocuments: [], notebookDocuments: [] });
});

test('who stops the server waits for its end', async () => {
  const daemon = await started();
  const stopped = daemon.stop();
  await settle();
  assert.deepEqual(events, ['starting', 'start 1', 'running', 'told 1']);
  ends[0]?.();
  await stopped;
  assert.equal(events.at(-1), 'idle');
});

test('another server starts before the one before it has ended, and a stop waits for both', async () => {
  const daemon = await started();
  await daemon.start(PROGRAM);
  assert.deepEqual(events.slice(3), ['told 1', 'starting', 'start 2', 'running']);
  let done = false;
  const stopped = daemon.stop().then(() => (done = true));
  await settle();
  ends[1]?.();
  await settle();
  assert.equal(done, false);
  ends[0]?.();
  await stopped;
});

test('the log is closed when the server has ended, however the rest is disposed of meanwhile', async () => {
  const daemon = await started();
  const closed = daemon.close();
  daemon.dispose();
  await settle();
  assert.equal(events.at(-1), 'told 1');
  ends[0]?.();
  await closed;
  assert.equal(events.at(-1), 'log closed');
});
