import assert from 'node:assert/strict';
import { delimiter } from 'node:path';
import { test } from 'node:test';
import { withoutFolders } from '../src/environment';

const LINKS: Record<string, string> = { '/link': '/real/ws/lib', '/ws': '/real/ws' };
const real = (file: string): string => LINKS[file] ?? file;

function kept(entries: string[], folders = ['/ws']): string[] {
  const environment = { PYTHONPATH: entries.join(delimiter), HOME: '/ws/home' };
  const found = withoutFolders(environment, folders, real);
  assert.equal(found['HOME'], '/ws/home', 'other variables stay');
  return found['PYTHONPATH'] === '' ? [] : (found['PYTHONPATH'] ?? '').split(delimiter);
}

test('what lies in the workspace is not imported from, also through links', () => {
  assert.deepEqual(kept(['/ws', '/ws/src', '/opt/lib', '/link', '/real/ws/x', '/ws/../ws/y', '/wsx']), [
    '/opt/lib',
    '/wsx',
  ]);
});

test('relative entries and empty ones are dropped', () => {
  assert.deepEqual(kept(['src', '', '.', '../ws', '/opt/lib']), ['/opt/lib']);
});

test('a variable that loses all is empty, not absent: a merge with our own would bring it back', () => {
  const found = withoutFolders({ PYTHONHOME: '/ws/py', A: undefined }, ['/ws'], real);
  assert.deepEqual(found, { PYTHONHOME: '', A: undefined });
});

test('a user base and a cache of bytecode in the workspace count as not set; others stay', () => {
  for (const name of ['PYTHONUSERBASE', 'PYTHONPYCACHEPREFIX']) {
    const of = (value: string, folder = '/ws'): string | undefined =>
      withoutFolders({ [name]: value }, [folder], real)[name];
    assert.deepEqual(['/ws', '/ws/base', '/link', 'base', '.'].map((value) => of(value)), ['', '', '', '', '']);
    assert.equal(of('/home/me/.local'), '/home/me/.local');
    const odd = `/home/me/a${delimiter}`;
    assert.equal(of(`${odd}b`), `${odd}b`, 'it is one folder and no list');
    assert.equal(of(`${odd}/b`, odd), '');
  }
});

test('without a folder only relative entries go', () => {
  assert.deepEqual(kept(['/ws/src', 'src'], []), ['/ws/src']);
});
