import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, type Surroundings } from '../src/choice';

/** A disk with those files; `links` are folders that lead elsewhere. */
function around(files: string[], more: Partial<Surroundings> = {}, links: Record<string, string> = {}): Surroundings {
  const real = (file: string): string => {
    const link = Object.keys(links).find((each) => file === each || file.startsWith(`${each}/`));
    return link === undefined ? file : `${links[link]}${file.slice(link.length)}`;
  };
  return {
    setting: '',
    active: [],
    folders: ['/ws'],
    trusted: true,
    environment: { PATH: '/usr/bin:/bin' },
    home: '/home/me',
    windows: false,
    exists: (file) => files.includes(file) || files.includes(real(file)),
    real,
    firstLine: () => '',
    ...more,
  };
}

function files(surroundings: Surroundings): string[] {
  return choose(surroundings).candidates.map((candidate) => candidate.file);
}

const ALL = ['/ws/.venv/bin/python', '/ws/venv/bin/python', '/env/bin/python', '/usr/bin/python3', '/conda/bin/python'];

test('the active environment, those of the workspace, the shell’s, the PATH, in that order', () => {
  const environment = { PATH: '/usr/bin', VIRTUAL_ENV: '/env', CONDA_PREFIX: '/conda' };
  assert.deepEqual(files(around(ALL, { active: ['/picked/python'], environment })), [
    '/picked/python',
    '/ws/.venv/bin/python',
    '/ws/venv/bin/python',
    '/env/bin/python',
    '/conda/bin/python',
    '/usr/bin/python3',
  ]);
});

test('each is asked once, for its first reason', () => {
  const { candidates } = choose(around(ALL, { active: ['/ws/.venv/bin/python'] }));
  assert.deepEqual(
    candidates.filter(({ file }) => file === '/ws/.venv/bin/python').map(({ why }) => why),
    ['the environment that is active in the Python extension'],
  );
});

test('a setting is the only one', () => {
  assert.deepEqual(files(around(ALL, { setting: '/env/bin/python', active: ['/picked/python'] })), ['/env/bin/python']);
});

test('a setting may start from home, the folder or the PATH', () => {
  const there = ['/home/me/v/bin/python', '/ws/.venv/bin/python', '/usr/bin/python3'];
  assert.deepEqual(files(around(there, { setting: '~/v/bin/python' })), [there[0]]);
  assert.deepEqual(files(around(there, { setting: '.venv/bin/python' })), [there[1]]);
  assert.deepEqual(files(around(there, { setting: '${workspaceFolder}/.venv/bin/python' })), [there[1]]);
  assert.deepEqual(files(around(there, { setting: 'python3' })), [there[2]]);
});

test('a setting that leads nowhere is said, and nothing else is tried', () => {
  const { candidates, notes } = choose(around(ALL, { setting: '/gone/python' }));
  assert.deepEqual(candidates, []);
  assert.match(notes.join(), /\/gone\/python.*advisor\.server\.interpreter/);
});

test('without trust nothing in the workspace is started, whoever names it', () => {
  const environment = { PATH: '/ws/bin:/usr/bin', VIRTUAL_ENV: '/ws/.venv' };
  const there = [...ALL, '/ws/bin/python3'];
  const untrusted = { trusted: false, environment, active: ['/ws/.venv/bin/python'] };
  assert.deepEqual(files(around(there, untrusted)), ['/usr/bin/python3']);
  const { candidates, notes } = choose(around(there, { ...untrusted, setting: '/ws/.venv/bin/python' }));
  assert.deepEqual(candidates, []);
  assert.match(notes.join(), /not trusted/);
});

test('links do not lead around trust, from either side', () => {
  const into = around(
    ['/real/.venv/bin/python'],
    { trusted: false, folders: ['/real'], active: ['/link/.venv/bin/python'] },
    {
      '/link': '/real',
    },
  );
  assert.deepEqual(files(into), []);
  const opened = around(
    ['/real/.venv/bin/python'],
    { trusted: false, folders: ['/link'], active: ['/real/.venv/bin/python'] },
    {
      '/link': '/real',
    },
  );
  assert.deepEqual(files(opened), []);
  const outOf = around(['/usr/bin/python3', '/else/bin/python'], { trusted: false }, { '/ws/.venv': '/else' });
  assert.deepEqual(files(outOf), ['/usr/bin/python3']);
});

test('a folder whose name only begins like the workspace is not in it', () => {
  const beside = around(['/ws-tools/bin/python'], { trusted: false, active: ['/ws-tools/bin/python'] });
  assert.deepEqual(files(beside), ['/ws-tools/bin/python']);
});

test('relative entries of the PATH do not count: they would be the workspace’s', () => {
  assert.deepEqual(files(around(['bin/python3', './python3'], { environment: { PATH: 'bin:.:' } })), []);
});

test('the interpreter behind the program `advisor` is tried before the system’s', () => {
  const there = ['/usr/bin/advisor', '/pipx/bin/python', '/usr/bin/python3'];
  assert.deepEqual(files(around(there, { firstLine: () => '#!/pipx/bin/python' })), [
    '/pipx/bin/python',
    '/usr/bin/python3',
  ]);
  assert.deepEqual(files(around(there, { firstLine: () => '#!/bin/sh' })), ['/usr/bin/python3']);
});
