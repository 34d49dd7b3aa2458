import assert from 'node:assert/strict';
import { test } from 'node:test';
import { place } from '../../src/view/scene/layout';
import { Figures } from '../../src/view/scene/measures';
import { crumbs, Model, peakOf, sceneOf, titleOf } from '../../src/view/scene/scene';
import { FRESH, readSettings } from '../../src/view/scene/settings';
import { columns, sorted } from '../../src/view/scene/sorting';
import { scaleOf, stepsOf } from '../../src/view/scene/steps';
import { treeOf } from '../../src/view/scene/tree';
import { answer, finding, layer, net, OTHER, TARGET, totals } from './layers';

test('findings are told of the layers that they are about, and of the modules around these', () => {
  const model = new Model(answer({ findings: [finding('f', [1, 2])] }));
  const node = (key: string) => model.tree.byKey.get(key) ?? model.tree.root;
  assert.deepEqual(
    model.findingsOf(node('features.0.bn#0')).map(({ id }) => id),
    ['f'],
  );
  assert.deepEqual(
    model.findingsOf(node('features~0')).map(({ id }) => id),
    ['f'],
  );
  assert.deepEqual(model.findingsOf(node('features.0.conv#0')), []);
  assert.equal(model.nodeOf(finding('g', [2]))?.path, 'features.1');
  assert.equal(model.nodeOf(finding('h', [])), null);
});

test('a selection outside what is zoomed into gives way', () => {
  const model = new Model(answer());
  const scene = sceneOf(model, { ...FRESH, zoom: 'features.0~0', selected: 'head#0' }, 500);
  assert.equal(scene.selected, scene.zoom);
  assert.deepEqual(
    crumbs(scene).map((node) => titleOf(node)),
    ['Net', 'features', 'features.0'],
  );
});

test('zooming into a layer shows the module that it is in', () => {
  assert.equal(sceneOf(new Model(answer()), { ...FRESH, zoom: 'features.0.bn#0' }, 500).zoom.path, 'features.0');
});

test('a moved selection keeps the layout, another measure makes a new one', () => {
  const model = new Model(answer());
  const first = sceneOf(model, FRESH, 500);
  assert.equal(sceneOf(model, { ...FRESH, selected: 'head#0' }, 500, first).layout, first.layout);
  assert.notEqual(sceneOf(model, { ...FRESH, measure: 'params' }, 500, first).layout, first.layout);
  assert.notEqual(sceneOf(new Model(answer()), FRESH, 500, first).layout, first.layout);
});

function fixed() {
  const layers = [0, 1, layer(2, 'features.1', 10, { liveBytes: 9000 }), 3, 4];
  const after = totals({ latencyUs: 80, peakBytes: 9000 });
  return answer({
    preview: {
      fix: 'f',
      title: '',
      totals: { [TARGET]: after },
      layers,
      changed: ['features.1'],
      peakAt: 2,
      verified: true,
    },
  });
}

test('before and after of a fix are drawn to one scale, each with its own totals and peak', () => {
  const model = new Model(fixed());
  const before = sceneOf(model, { ...FRESH, side: 'before' }, 1000);
  const after = sceneOf(model, { ...FRESH, side: 'after' }, 1000);
  assert.equal(before.totals?.latencyUs, 100);
  assert.equal(after.totals?.latencyUs, 80);
  assert.deepEqual([before.peakAt, after.peakAt], [1, 2]);
  assert.ok(Math.abs(before.placing.width - 1000) < 1e-6);
  assert.ok(after.placing.width < 0.85 * 1000 && after.placing.width > 0.75 * 1000);
  assert.ok(after.other && Math.abs(after.other.placing.width - before.placing.width) < 1e-6);
});

test('a layer of a fix has the source and the findings of the one that it replaces', () => {
  const place = { uri: 'file:///net.py', range: { start: { line: 7, character: 0 }, end: { line: 7, character: 9 } } };
  const view = fixed();
  view.layers = view.layers.map((one) => (one.id === 2 ? { ...one, source: 0 } : one));
  view.sources = [place];
  const model = new Model(view);
  const leaf = model.after?.byKey.get('features.1#0');
  assert.ok(leaf);
  assert.deepEqual(model.sourceOf(leaf), place);
  const head = model.tree.byKey.get('head#0');
  assert.ok(head);
  assert.equal(model.sourceOf(head), null);
});

test('a layer of a fix that is told by a number is like that layer, at its own turn', () => {
  const view = fixed();
  assert.ok(view.preview);
  view.preview.layers.splice(1, 1);
  const after = new Model(view).after?.layers.map(({ id, path, liveBytes }) => [id, path, liveBytes]);
  assert.deepEqual(after, [
    [0, 'features.0.conv', 4000],
    [1, 'features.1', 9000],
    [2, '', null],
    [3, 'head', 1000],
  ]);
});

test('the peak is where most lives, of what is known', () => {
  assert.equal(peakOf(net()), 1);
  assert.equal(peakOf([layer(0, 'a', 1, { liveBytes: null })]), null);
});

test('memory is a step a layer, with gaps where nobody knows', () => {
  const tree = treeOf('Net', net());
  const placing = place(tree.root, new Figures(tree.layers, 'memory', TARGET), 100);
  const steps = stepsOf(tree.root, tree.layers, placing, (bytes) => 100 - bytes / 100, 100);
  assert.equal(steps.line, 'M0 60H20V40H40V80H60M80 90H100');
  assert.equal(steps.area, 'M0 100V60H20V40H40V80H60V100ZM80 100V90H100V100Z');
  assert.deepEqual(steps.gaps, [{ x: 60, width: 20 }]);
});

test('a limit far above the peak is told, not drawn', () => {
  assert.equal(scaleOf(1000, 1500).limit, 'drawn');
  assert.ok(scaleOf(1000, 1500).top > 1500);
  assert.equal(scaleOf(1000, 90_000).limit, 'above');
  assert.ok(scaleOf(1000, 90_000).top < 1500);
  assert.ok(scaleOf(1000, null, 4000).top > 4000);
  assert.equal(scaleOf(1000, null).limit, 'none');
});

test('the table sorts by any column, what is unknown last either way', () => {
  const among = columns(TARGET, null);
  const ids = (column: string, down: boolean) => sorted(net(), among, { column, down }).map(({ id }) => id);
  assert.deepEqual(ids(`latency ${TARGET}`, true), [0, 2, 4, 1, 3]);
  assert.deepEqual(ids(`latency ${TARGET}`, false), [1, 2, 4, 0, 3]);
  assert.deepEqual(ids('label', false), [1, 0, 2, 3, 4]);
  assert.deepEqual(ids('no such column', false), [0, 1, 2, 3, 4]);
});

test('module paths sort by their numbers', () => {
  const layers = [layer(0, 'blocks.10', 1), layer(1, 'blocks.9', 1)];
  const order = { column: 'path', down: false };
  assert.deepEqual(
    sorted(layers, columns(TARGET, null), order).map(({ path }) => path),
    ['blocks.9', 'blocks.10'],
  );
});

test('compared with another target, the table has its latencies and the ratio', () => {
  const one = layer(0, 'a', 2, { latencyUs: { [TARGET]: 2, [OTHER]: 8 } });
  const texts = columns(TARGET, OTHER).map((column) => [column.title, column.text(one)]);
  assert.ok(texts.some(([title, text]) => title === OTHER && text === '8 us'));
  assert.ok(texts.some(([title, text]) => title === 'Ratio' && text === '×4'));
});

test('settings that were kept are read back, others are as in a fresh view', () => {
  const kept = { ...FRESH, uri: 'file:///net.py', measure: 'macs' as const, zoom: 'a~0', wish: { target: TARGET } };
  assert.deepEqual(readSettings(JSON.parse(JSON.stringify(kept))), kept);
  assert.deepEqual(readSettings({ uri: 'file:///net.py', measure: 'weight', order: 3, wish: { fix: 7 } }), {
    ...FRESH,
    uri: 'file:///net.py',
  });
  assert.deepEqual(readSettings(undefined), FRESH);
});
