import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, nearest, type Node, treeOf, wayTo, within } from '../../src/view/scene/tree';
import { layer, net } from './layers';

function outline(node: Node): unknown {
  return node.layer === null ? { [node.name]: node.children.map(outline) } : node.name;
}

test('modules nest as their paths do, in order of execution', () => {
  assert.deepEqual(outline(treeOf('Net', net()).root), {
    Net: [{ features: [{ '0': ['conv', 'bn'] }, '1'] }, 'interpolate', 'head'],
  });
});

test('layers are put in order of execution, however they come', () => {
  const tree = treeOf('Net', net().reverse());
  assert.deepEqual(
    tree.leaves.map((leaf) => leaf.layer?.id),
    [0, 1, 2, 3, 4],
  );
});

test('an operation of a module itself stands beside its layers', () => {
  const layers = [layer(0, 'block.conv', 1), layer(1, 'block', 1, { label: 'add' }), layer(2, 'block.act', 1)];
  assert.deepEqual(outline(treeOf('Net', layers).root), { Net: [{ block: ['conv', 'add', 'act'] }] });
});

test('a module that is interrupted is a node each time, with a key of its own', () => {
  const layers = [layer(0, 'a.x', 1), layer(1, 'b', 1), layer(2, 'a.x', 1), layer(3, 'a.y', 1)];
  const tree = treeOf('Net', layers);
  assert.deepEqual(outline(tree.root), { Net: [{ a: ['x'] }, 'b', { a: ['x', 'y'] }] });
  assert.equal(new Set([...tree.leaves, ...tree.root.children].map((node) => node.key)).size, 6);
});

test('a module that only holds another one is drawn with it, and found by either key', () => {
  const tree = treeOf('Net', [layer(0, 'a.b.c', 1), layer(1, 'a.b.d', 1), layer(2, 'e', 1)]);
  assert.deepEqual(outline(tree.root), { Net: [{ 'a.b': ['c', 'd'] }, 'e'] });
  assert.equal(tree.byKey.get('a~0'), tree.byKey.get('a.b~0'));
});

test('every layer has exactly one leaf and lies within its ancestors', () => {
  const tree = treeOf('Net', net());
  for (const [index, leaf] of tree.leaves.entries()) {
    assert.equal(leaf.first, index);
    assert.equal(at(tree.root, index, 99), leaf);
    for (const node of wayTo(leaf)) {
      assert.ok(node.first <= index && index <= node.last);
      assert.ok(within(leaf, node));
    }
  }
  assert.equal(tree.levels, 4);
});

test('a model without layers is its root alone', () => {
  const tree = treeOf('Net', []);
  assert.deepEqual([tree.root.children, tree.levels, tree.leaves], [[], 1, []]);
});

test('what was selected is found again, or the module that it was in', () => {
  const before = treeOf('Net', net());
  const gone = before.leaves[0]?.key ?? '';
  const after = treeOf('Net', net().slice(1));
  assert.equal(nearest(before, gone).path, 'features.0.conv');
  assert.equal(nearest(after, gone).path, 'features.0');
  assert.equal(nearest(after, 'never.there#0'), after.root);
});
