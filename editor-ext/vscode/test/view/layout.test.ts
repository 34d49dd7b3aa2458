import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxes, place } from '../../src/view/scene/layout';
import { Figures, type Measure } from '../../src/view/scene/measures';
import { treeOf } from '../../src/view/scene/tree';
import type { Layer } from '../../src/protocol';
import { layer, net, TARGET } from './layers';

function placed(layers: Layer[], width: number, measure: Measure = 'latency', full = 0) {
  const tree = treeOf('Net', layers);
  const figures = new Figures(tree.layers, measure, TARGET);
  return { tree, placing: place(tree.root, figures, width, full) };
}

function near(actual: number, wanted: number): void {
  assert.ok(Math.abs(actual - wanted) < 1e-6, `${actual} instead of ${wanted}`);
}

test('widths are as the figures are, and fill the chart', () => {
  const { tree, placing } = placed([layer(0, 'a', 75), layer(1, 'b', 25)], 800);
  const [a, b] = tree.leaves;
  near(a ? placing.widthOf(a) : 0, 600);
  near(b ? placing.left(b) : 0, 600);
  near(placing.width, 800);
});

test('what nobody knows has a width of its own, and what costs nothing is not lost', () => {
  const { tree, placing } = placed(net(), 1000);
  const widths = tree.leaves.map((leaf) => placing.widthOf(leaf));
  assert.ok((widths[3] ?? 0) >= 10);
  assert.ok((widths[1] ?? 0) > 0);
  near((widths[0] ?? 0) / (widths[2] ?? 1), 40 / 30); // what is large stays to scale
  near(placing.width, 1000);
});

test('unknown layers leave room for the others', () => {
  const many = Array.from({ length: 300 }, (_, id) => layer(id, `m${id}`, id === 0 ? 5 : null));
  const { tree, placing } = placed(many, 500);
  const first = tree.leaves[0];
  assert.ok(first && placing.widthOf(first) > 300);
  near(placing.width, 500);
});

test('a chart of zeros, or of nothing known, has even widths', () => {
  const { tree, placing } = placed([layer(0, 'a', 0), layer(1, 'b', null)], 100);
  assert.deepEqual(
    tree.leaves.map((leaf) => placing.widthOf(leaf)),
    [50, 50],
  );
});

test('live memory is no sum: each layer is as wide', () => {
  const { tree, placing } = placed(net(), 100, 'memory');
  for (const leaf of tree.leaves) {
    near(placing.widthOf(leaf), 20);
  }
});

test('the smaller side of a fix is drawn to the scale of the larger', () => {
  near(placed([layer(0, 'a', 60), layer(1, 'b', 20)], 800, 'latency', 100).placing.width, 640);
});

test('modules span their layers, and a point leads to the layer that is there', () => {
  const { tree, placing } = placed(net(), 1000);
  const features = tree.byKey.get('features~0');
  assert.ok(features);
  near(placing.widthOf(features), placing.edge(3));
  for (const leaf of tree.leaves) {
    assert.equal(placing.layerAt(placing.left(leaf) + placing.widthOf(leaf) / 2), leaf.first);
  }
  assert.equal(placing.layerAt(-5), 0);
  assert.equal(placing.layerAt(5000), 4);
});

test('layers too narrow to see are drawn as one box, and none of the chart stays empty', () => {
  const many = Array.from({ length: 2000 }, (_, id) =>
    layer(id, `blocks.${id >> 3}.l${id}`, id % 100 === 0 ? 1000 : 1, { label: id % 2 ? 'relu' : 'linear' }),
  );
  const { tree, placing } = placed(many, 600);
  const drawn = boxes(tree.root, placing, new Set());
  assert.ok(drawn.length < 1200, `${drawn.length} boxes`);
  assert.ok(drawn.every((box) => box.width >= 1));
  assert.ok(drawn.some((box) => box.node === null && box.family !== null));
  const floor = drawn.filter((box) => box.node === null || box.node.layer !== null);
  const covered = floor.reduce((sum, box) => sum + box.width, 0);
  assert.ok(covered > 0.95 * 600, `${covered} of 600 px`);
});

test('a selected layer is drawn however narrow, with the modules that it is in', () => {
  const many = Array.from({ length: 2000 }, (_, id) => layer(id, `blocks.${id >> 3}.l${id}`, 1));
  const { tree, placing } = placed(many, 300);
  const chosen = tree.leaves[777];
  assert.ok(chosen?.parent);
  const keys = boxes(tree.root, placing, new Set([chosen.key])).map((box) => box.key);
  assert.ok(keys.includes(chosen.key) && keys.includes(chosen.parent.key));
});

test('zoomed into a module, its layers alone fill the chart', () => {
  const tree = treeOf('Net', net());
  const zoom = tree.byKey.get('features.0~0');
  assert.ok(zoom);
  const placing = place(zoom, new Figures(tree.layers, 'latency', TARGET), 500);
  near(placing.width, 500);
  near(placing.widthOf(zoom), 500);
  assert.deepEqual(
    boxes(zoom, placing, new Set()).map((box) => [box.node?.name, box.row]),
    [
      ['0', 0],
      ['conv', 1],
      ['bn', 1],
    ],
  );
});
