import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../src/backoff';

const MINUTE = 60_000;

/** Ends right after each start; what each end said. */
function crashes(backoff: Backoff, times: number, from = 0): (number | undefined)[] {
  let now = from;
  return Array.from({ length: times }, () => {
    backoff.started(now);
    const wait = backoff.ended(now + 100);
    now += 100 + (wait ?? 0);
    return wait;
  });
}

test('waits twice as long each time, and gives up after five restarts', () => {
  assert.deepEqual(crashes(new Backoff(), 6), [1_000, 2_000, 4_000, 8_000, 16_000, undefined]);
});

test('a server that was well for a minute begins anew', () => {
  const backoff = new Backoff();
  crashes(backoff, 4);
  backoff.started(MINUTE);
  assert.equal(backoff.ended(2 * MINUTE), 1_000);
  assert.equal(backoff.ends, 1);
});

test('one that never started is not well, however long it took', () => {
  const backoff = new Backoff();
  assert.equal(backoff.ended(0), 1_000);
  assert.equal(backoff.ended(2 * MINUTE), 2_000);
});

test('ends that are more than three minutes apart do not add up', () => {
  const backoff = new Backoff();
  for (let i = 0; i < 9; i++) assert.equal(backoff.ended(i * 3 * MINUTE + i), 1_000);
});

test('what a person starts begins anew', () => {
  const backoff = new Backoff();
  crashes(backoff, 6);
  backoff.reset();
  assert.deepEqual(crashes(backoff, 2, 40_000), [1_000, 2_000]);
});
