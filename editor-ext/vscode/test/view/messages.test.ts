import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessage, readSaved, readWish } from '../../src/view/messages';

const PLACE = { uri: 'file:///net.py', range: { start: { line: 1, character: 2 }, end: { line: 3, character: 4 } } };

test('messages of the page are understood', () => {
  assert.deepEqual(readMessage({ type: 'open', place: PLACE, stay: true }), { type: 'open', place: PLACE, stay: true });
  assert.deepEqual(readMessage({ type: 'wish', wish: { fix: 'f' } }), { type: 'wish', wish: { fix: 'f' } });
  assert.deepEqual(readMessage({ type: 'ready' }), { type: 'ready' });
});

test('what is no message is nothing', () => {
  const broken = { ...PLACE, range: { start: { line: '1' }, end: {} } };
  for (const said of [null, 'open', { type: 'run' }, { type: 'open', place: broken }, { type: 'apply', finding: 3 }]) {
    assert.equal(readMessage(said), null);
  }
});

test('only strings are wished for', () => {
  assert.deepEqual(readWish({ model: 'Net', target: 3, other: 'x' }), { model: 'Net' });
  assert.deepEqual(readWish(undefined), {});
});

test('what was kept names a document', () => {
  assert.deepEqual(readSaved({ uri: 'file:///a.py', pinned: 'yes' }), { uri: 'file:///a.py', pinned: false, wish: {} });
  assert.equal(readSaved({ pinned: true }), null);
});
