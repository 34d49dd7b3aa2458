import assert from 'node:assert/strict';
import { test } from 'node:test';
import { led, stepped } from '../../src/view/scene/keys';
import { treeOf } from '../../src/view/scene/tree';
import { net } from './layers';

const tree = treeOf('Net', net());
const node = (key: string) => {
  const found = tree.byKey.get(key);
  assert.ok(found, key);
  return found;
};
const go = (from: string, key: string, zoom = '') => led(key, node(from), node(zoom))?.key;

test('left and right stay on a level where they can, across modules', () => {
  assert.equal(go('features.0.conv#0', 'ArrowRight'), 'features.0.bn#0');
  assert.equal(go('features.0.bn#0', 'ArrowRight'), 'features.1#0');
  assert.equal(go('features~0', 'ArrowRight'), '#0');
  assert.equal(go('#0', 'ArrowLeft'), 'features~0');
});

test('at the ends they stay', () => {
  assert.equal(go('features~0', 'ArrowLeft'), 'features~0');
  assert.equal(go('head#0', 'ArrowRight'), 'head#0');
});

test('down leads to the first child, up to the parent', () => {
  assert.equal(go('', 'ArrowDown'), 'features~0');
  assert.equal(go('features.0.bn#0', 'ArrowUp'), 'features.0~0');
  assert.equal(go('head#0', 'ArrowDown'), 'head#0');
});

test('no key leads out of what is zoomed into', () => {
  assert.equal(go('features.0~0', 'ArrowUp', 'features.0~0'), 'features.0~0');
  assert.equal(go('features.0.bn#0', 'ArrowRight', 'features.0~0'), 'features.0.bn#0');
});

test('home and end lead to the first and last of a level', () => {
  assert.equal(go('#0', 'End'), 'head#0');
  assert.equal(go('#0', 'Home'), 'features~0');
});

test('other keys mean nothing', () => {
  assert.equal(led('a', tree.root, tree.root), null);
  assert.equal(stepped('a', 3, 0, 9), null);
});

test('along memory, keys step by layers and stay inside', () => {
  assert.deepEqual(
    ['ArrowRight', 'ArrowLeft', 'Home', 'End', 'PageUp'].map((key) => stepped(key, 50, 10, 110)),
    [51, 49, 10, 110, 60],
  );
  assert.equal(stepped('ArrowRight', 110, 10, 110), 110);
  assert.equal(stepped('PageDown', 12, 10, 110), 10);
});
