import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { advisorArguments, commandLine, installation, probe, readAnswer, recentEnough } from '../src/probe';

const SAYS = '{"advisor": "0.1.0", "error": "", "pip": true, "python": [3, 12, 1]}';

test('the last line is the answer, whatever is printed before', () => {
  assert.deepEqual(readAnswer(`a banner\n${SAYS}\n`), { advisor: '0.1.0', error: '', python: [3, 12, 1], pip: true });
});

test('what is no answer is none', () => {
  for (const text of ['', 'Segmentation fault', '[]', '{"python": 3}', 'null'])
    assert.equal(readAnswer(text), undefined);
});

test('an interpreter without the advisor is one that it may be missing in', () => {
  const answer = readAnswer('{"advisor": null, "error": "", "pip": false, "python": [3, 9, 2]}');
  assert.deepEqual(answer, { advisor: undefined, error: '', python: [3, 9, 2], pip: false });
});

test('Python 3.10 is recent enough', () => {
  assert.deepEqual([[3, 9, 18], [3, 10, 0], [3, 14], [4, 0], [], [2, 12]].map(recentEnough), [
    false,
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('it is installed by pip, else by uv, else not at all', () => {
  assert.deepEqual(installation('/v/bin/python', true, true), ['/v/bin/python', '-m', 'pip', 'install', 'nas-advisor']);
  assert.deepEqual(installation('/v/bin/python', false, true)?.slice(0, 3), ['uv', 'pip', 'install']);
  assert.equal(installation('/v/bin/python', false, false), undefined);
});

test('a program that is not there, or is no Python, has no advisor and says why', async () => {
  const gone = await probe('/nowhere/python', process.env);
  assert.equal(gone.advisor, undefined);
  assert.match(gone.error, /cannot be asked/);
  const folder = mkdtempSync(join(tmpdir(), 'advisor-'));
  try {
    const fake = join(folder, 'python');
    writeFileSync(fake, '#!/bin/sh\necho it is broken >&2\nexit 3\n');
    chmodSync(fake, 0o755);
    assert.match((await probe(fake, process.env)).error, /it is broken/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const WINDOWS = process.platform === 'win32';

test('one that cannot even be spawned has no advisor and says why', { skip: WINDOWS }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'advisor-'));
  try {
    const loop = join(folder, 'python');
    symlinkSync(loop, loop);
    const found = await probe(loop, process.env);
    assert.equal(found.advisor, undefined);
    assert.match(found.error, /cannot be asked: .*ELOOP/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('one that hangs and will not be ended is not waited for', { skip: WINDOWS, timeout: 20_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'advisor-'));
  try {
    const fake = join(folder, 'python');
    writeFileSync(fake, '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 0.1; done\n');
    chmodSync(fake, 0o755);
    assert.match((await probe(fake, process.env, 1000)).error, /cannot be asked/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a command to copy has its parts quoted where a terminal would take them apart', () => {
  assert.equal(commandLine(['/v/bin/python3.12', '-m', 'pip'], false), '/v/bin/python3.12 -m pip');
  assert.equal(commandLine(["/my v's/python", '$x'], false), `'/my v'\\''s/python' '$x'`);
  const windows = commandLine(['C:\\Program Files\\python.exe', '-m', 'C:\\v\\p.exe'], true);
  assert.equal(windows, '"C:\\Program Files\\python.exe" -m C:\\v\\p.exe');
});

const PYTHON = spawnSync('python3', ['--version']).status === 0 ? 'python3' : undefined;

test('nothing is imported from the folder that the server is started in', { skip: PYTHON === undefined }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'advisor-'));
  try {
    const ran = join(folder, 'ran');
    const hostile = `open(${JSON.stringify(ran)}, 'w').close()\n`;
    mkdirSync(join(folder, 'advisor'));
    for (const name of ['advisor/__init__.py', 'advisor/__main__.py', 'json.py', 'importlib.py', 'os.py']) {
      writeFileSync(join(folder, name), hostile);
    }
    spawnSync(PYTHON ?? '', ['-S', ...advisorArguments('--version')], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    });
    assert.ok(!existsSync(ran));
    spawnSync(PYTHON ?? '', ['-m', 'advisor'], { cwd: folder });
    assert.ok(existsSync(ran), 'the test itself cannot tell');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
