/** Kinds of layers, as colours tell them apart: by the words that the advisor's labels start with. */

export type Family = 'conv' | 'product' | 'norm' | 'activation' | 'window' | 'element' | 'move' | 'other';

export const FAMILIES: Record<Family, string> = {
  conv: 'Convolution',
  product: 'Matrix product',
  norm: 'Normalisation',
  activation: 'Activation',
  window: 'Pooling, reduction, resizing',
  element: 'Element by element',
  move: 'Data movement',
  other: 'Other',
};

const LABELS: [Family, string][] = [
  ['conv', 'conv, deconv'],
  ['product', 'linear, bilinear, matmul, addmm, baddbmm, bmm, einsum, attention, lstm, gru, rnn, embedding'],
  ['norm', 'batch norm, layer norm, group norm, instance norm, rms norm, local response norm'],
  ['activation', 'relu, relu6, leaky_relu, rrelu, prelu, hardtanh, threshold, hardswish, hardsigmoid, hardshrink'],
  ['activation', 'softshrink, silu, gelu, sigmoid, tanh, elu, selu, celu, mish, softplus, softsign, log_sigmoid'],
  ['activation', 'tanhshrink, softmax, activation'],
  ['window', 'max pool, avg pool, lp pool, adaptive max pool, adaptive avg pool, pool, resize, interpolate'],
  ['window', 'mean, sum, max, min, var, std, norm, prod, any, all, argmax, argmin'],
  ['element', 'add, sub, mul, div, pow, maximum, minimum, exp, sqrt, rsqrt, neg, abs, eq, ne, lt, le, gt, ge, where'],
  [
    'element',
    'clamp, log, sin, cos, floor, round, reciprocal, square, sign, erf, logical_and, logical_or, logical_not',
  ],
  ['move', 'pixel shuffle, pixel unshuffle, channel shuffle, concat, stack, split, unbind, slice, reshape, permute'],
  ['move', 'expand, repeat, pad, roll, flip, unfold, gather, cast, copy, identity'],
];

const BY_LABEL = new Map(
  LABELS.flatMap(([family, labels]) => labels.split(', ').map((label): [string, Family] => [label, family])),
);

/** The family of a layer's label: of the longest run of its first words that is known. */
export function familyOf(label: string): Family {
  const words = label.split(' ');
  for (let n = words.length; n > 0; n--) {
    const family = BY_LABEL.get(words.slice(0, n).join(' '));
    if (family !== undefined) {
      return family;
    }
  }
  return 'other';
}
