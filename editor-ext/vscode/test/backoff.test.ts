import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, type Failure } from '../src/backoff';

const MINUTE = 60_000;

/** Fails right after each start; the waits. */
function failures(backoff: Backoff, times: number, how: Failure = 'ended', from = 0): (number | undefined)[] {
  let now = from;
  return Array.from({ length: times }, () => {
    if (how === 'ended') backoff.started(now);
    now += how === 'ended' ? 100 : MINUTE;
    const wait = backoff.failed(how, now);
    now += wait ?? 0;
    return wait;
  });
}

test('waits twice as long each time, and gives up after five restarts', () => {
  const backoff = new Backoff();
  assert.deepEqual(failures(backoff, 6), [1_000, 2_000, 4_000, 8_000, 16_000, undefined]);
  assert.equal(backoff.summary, 'ended 6 times in a row');
});

test('one that does not answer is given up after two restarts', () => {
  const backoff = new Backoff();
  assert.deepEqual(failures(backoff, 3, 'silent'), [2_000, 8_000, undefined]);
  assert.equal(backoff.summary, 'did not answer when it was started, 3 times in a row');
});

test('both add up', () => {
  const backoff = new Backoff();
  failures(backoff, 2, 'silent');
  assert.deepEqual(failures(backoff, 2, 'ended', 3 * MINUTE), [16_000, undefined]);
  assert.equal(backoff.summary, 'failed 4 times in a row');
});

test('a server that was well for a minute begins anew', () => {
  const backoff = new Backoff();
  failures(backoff, 4);
  backoff.started(MINUTE);
  assert.equal(backoff.failed('ended', 2 * MINUTE), 1_000);
  assert.equal(backoff.summary, 'ended once');
});

test('one that was never well is given up, however long each start took', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 6 }, (_, i) => {
    backoff.started(i * 10 * MINUTE);
    return backoff.failed('ended', i * 10 * MINUTE + MINUTE - 1);
  });
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, undefined]);
});

test('what a person starts begins anew', () => {
  const backoff = new Backoff();
  failures(backoff, 6);
  backoff.reset();
  assert.deepEqual(failures(backoff, 2), [1_000, 2_000]);
});
