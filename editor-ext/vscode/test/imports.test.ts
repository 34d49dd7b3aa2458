import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentImportsTorch, importsTorch } from '../src/imports';

const YES = [
  'import torch',
  'import torch.nn as nn',
  'from torch import nn',
  'from torch.nn import functional as F',
  'import numpy as np, torch',
  'import os; import torch',
  'import torchvision',
  'from torchvision.models import resnet18',
  'def f():\n    import torch\n',
  '"""Doc."""\r\nimport os\r\nimport torch\r\n',
  'try:\n\timport torch\nexcept ImportError: ...',
];
const NO = [
  '',
  'import numpy',
  '# import torch',
  'x = "import torch"',
  'import mytorch',
  'from mytorch import nn',
  'from .torch import x',
  'import pytorch',
  'importtorch',
  'from torch',
  'torch = 1',
];

for (const text of YES) test(`imports torch: ${JSON.stringify(text)}`, () => assert.ok(importsTorch(text)));
for (const text of NO) test(`does not: ${JSON.stringify(text)}`, () => assert.ok(!importsTorch(text)));

test('blanks that are never an import take no time to speak of', () => {
  const blanks = ' '.repeat(100_000);
  const begun = process.cpuUsage().user;
  for (const text of ['import', 'import a', 'import a,', 'from', 'from torch', '']) {
    assert.ok(!importsTorch(`${text}${blanks}x`));
  }
  assert.ok(process.cpuUsage(undefined).user - begun < 2_000_000, 'the time grows with the square of their number');
});

test('a document is looked through once a version', () => {
  let looked = 0;
  const document = { version: 1, text: 'import torch', getText: () => (looked++, document.text) };
  assert.deepEqual([documentImportsTorch(document), documentImportsTorch(document), looked], [true, true, 1]);
  Object.assign(document, { version: 2, text: '' });
  assert.deepEqual([documentImportsTorch(document), documentImportsTorch(document), looked], [false, false, 2]);
});

test('a long file takes no time to speak of', () => {
  const text = `${'import a.b.c as d, '.repeat(2_000)}\n${'x = 1\n'.repeat(50_000)}`;
  const begun = process.cpuUsage().user;
  assert.ok(!importsTorch(text));
  assert.ok(process.cpuUsage(undefined).user - begun < 2_000_000, 'the expression backtracks');
});
