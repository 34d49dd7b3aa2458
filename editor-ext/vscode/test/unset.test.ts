import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isUnset } from '../src/unset';

test('an empty text or list stands for not set where that is the default', () => {
  assert.ok(isUnset('', ''));
  assert.ok(isUnset([], []));
  assert.ok(isUnset(null, null));
});

test('what a person set is set', () => {
  assert.ok(!isUnset('16 KiB', ''));
  assert.ok(!isUnset(['ethos-u55-128'], []));
  assert.ok(!isUnset(0, null));
  assert.ok(!isUnset(false, null));
});

test('no hints at all is an answer where some are the default', () => {
  assert.ok(!isUnset([], ['shape', 'latency']));
  assert.ok(!isUnset(true, true));
});
