import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LastWords } from '../src/words';

function said(...pieces: string[]): string {
  const words = new LastWords();
  for (const piece of pieces) words.heard(piece);
  return words.line;
}

test('the last line is put together from its pieces', () => {
  assert.equal(said('Traceback:\nValue', 'Error: no s', 'pace\n'), 'ValueError: no space');
});

test('blank lines at the end say nothing', () => {
  assert.equal(said('it is full\n', '\n  \n'), 'it is full');
  assert.equal(said('', '\n'), '');
});

test('a long line is cut, and nothing grows without end', () => {
  const line = said(...Array.from({ length: 1000 }, () => 'x'.repeat(100)));
  assert.equal(line, `${'x'.repeat(300)}…`);
});
