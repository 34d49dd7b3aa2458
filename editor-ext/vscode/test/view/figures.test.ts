import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from '../../src/view/scene/difference';
import { familyOf } from '../../src/view/scene/families';
import { count, fileOf, margin, percent, size, tied, time } from '../../src/view/scene/format';
import { Figures } from '../../src/view/scene/measures';
import { compared, level, ratioOf, reachOf, times } from '../../src/view/scene/ratio';
import { treeOf } from '../../src/view/scene/tree';
import { net, TARGET, totals } from './layers';

test('quantities read as in the reports', () => {
  assert.deepEqual([0, 0.5, 37.26, 100, 1234, 999_499, 1.5e6].map(time), [
    '0 us',
    '0.5 us',
    '37.3 us',
    '0.1 ms',
    '1.23 ms',
    '999 ms',
    '1.5 s',
  ]);
  assert.deepEqual([0, 1023, 393216, 1505280, 3 * 2 ** 30].map(size), [
    '0 B',
    '1023 B',
    '384 KiB',
    '1.436 MiB',
    '3 GiB',
  ]);
  assert.deepEqual([640, 10_800, 999_499, 3.5e6, 4.09e9].map(count), ['640', '10.8 k', '999 k', '3.5 M', '4.09 G']);
  assert.deepEqual([6, 0.484, 34.4, 99.97, 100].map(percent), ['6 %', '0.48 %', '34 %', '99.9 %', '100 %']);
  assert.deepEqual([time(null), size(null), count(null)], ['?', '?', '?']);
});

test('a number stays on a line with its unit', () => {
  assert.equal(
    tied('saves 0.212 ms (11 %) of 3.5 M in 2 layers'),
    'saves 0.212\u00a0ms (11\u00a0%) of 3.5\u00a0M in 2 layers',
  );
});

test('an interval is a margin, or its bounds where it is wide, or nothing', () => {
  assert.equal(margin(100, 95, 106), ' ±6 %');
  assert.equal(margin(100, 10, 400), ' (10 us to 0.4 ms)');
  assert.equal(margin(100, null, 110), '');
  assert.equal(margin(null, 1, 2), '');
});

test('a module costs the sum of what is known, and says what is not', () => {
  const tree = treeOf('Net', net());
  const latency = new Figures(tree.layers, 'latency', TARGET);
  assert.deepEqual(latency.of(tree.root), { value: 100, unknown: 1 });
  assert.equal(latency.text(latency.of(tree.root)), '0.1 ms + 1 uncounted');
  const unknown = tree.leaves[3];
  assert.ok(unknown);
  assert.equal(latency.text(latency.of(unknown)), '?');
  assert.match(latency.spoken(latency.of(unknown)), /unknown/);
  const features = tree.byKey.get('features~0');
  assert.ok(features);
  assert.equal(latency.share(latency.of(features)), '70 % of the model');
});

test('a module’s live memory is the most of its layers', () => {
  const tree = treeOf('Net', net());
  const memory = new Figures(tree.layers, 'memory', TARGET);
  assert.deepEqual(memory.of(tree.root), { value: 6000, unknown: 1 });
});

test('a target without figures knows nothing', () => {
  const tree = treeOf('Net', net());
  assert.deepEqual(new Figures(tree.layers, 'latency', 'another').of(tree.root), { value: null, unknown: 5 });
});

test('families go by the first words of labels', () => {
  assert.deepEqual(
    ['conv 3×3 /2 dw', 'linear', 'layer norm', 'relu6', 'adaptive avg pool', 'add', 'pixel shuffle', 'grid_sample'].map(
      familyOf,
    ),
    ['conv', 'product', 'norm', 'activation', 'window', 'element', 'move', 'other'],
  );
});

test('ratios stand on a scale of doublings, and are none where there is nothing to compare', () => {
  assert.deepEqual([ratioOf(2, 5), ratioOf(0, 5), ratioOf(2, null), ratioOf(undefined, 1)], [2.5, null, null, null]);
  const reach = reachOf([0.5, 3, null]);
  assert.deepEqual(reach, { down: 1, up: 2 });
  assert.deepEqual([level(0.5, reach), level(1, reach), level(4, reach), level(100, reach)], [0, 1 / 3, 1, 1]);
  assert.deepEqual(reachOf([null]), { down: 1, up: 1 });
  assert.deepEqual(reachOf([2 ** 30]).up, 8);
});

test('ratios in words', () => {
  assert.deepEqual([times(6.82), times(0.25), times(350.4), times(null)], ['×6.8', '÷4', '×350', '?']);
  assert.deepEqual(
    [compared(6.82), compared(0.25), compared(1.01), compared(null)],
    ['6.8 times as long', '4 times as fast', 'about as long', 'not comparable'],
  );
});

test('the difference of a fix in a sentence', () => {
  const before = totals({ latencyUs: 1180, peakBytes: 4096, params: 2_000_000 });
  const after = totals({ latencyUs: 1062, peakBytes: 4096, params: 2_200_000 });
  assert.equal(
    difference(before, after, 3),
    'Latency 1.06 ms instead of 1.18 ms (10 % less), peak memory as before, ' +
      'parameters 2.2 M instead of 2 M (10 % more); 3 layers change.',
  );
  assert.match(difference(before, totals({ latencyUs: null }), 0), /^Latency \?, was 1\.18 ms, /);
});

test('a place is named by its file, a cell’s by its notebook', () => {
  const uris = ['file:///a/my%20net.py', 'vscode-notebook-cell:/a/nb.ipynb#W0sZmlsZQ%3D%3D', 'untitled:Untitled-1'];
  assert.deepEqual(uris.map(fileOf), ['my net.py', 'nb.ipynb', 'Untitled-1']);
});
