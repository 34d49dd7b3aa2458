/** Layers for tests of the view. */

import type { Finding, Layer, ModelViewResult, PreviewLayer, Totals } from '../../src/protocol';

export const TARGET = 'ethos-u85-1024';
export const OTHER = 'ethos-u55-128';

export function layer(id: number, path: string, us: number | null, more: Partial<PreviewLayer> = {}): Layer {
  return {
    id,
    path,
    label: 'conv 3×3',
    inputs: '3×8×8',
    output: '4×8×8',
    params: 10,
    macs: 100,
    liveBytes: 1000,
    latencyUs: { [TARGET]: us },
    source: null,
    ...more,
  };
}

/** `features.0` of two layers, `features.1` of one, an operation of the model's own, and the head. */
export function net(): Layer[] {
  return [
    layer(0, 'features.0.conv', 40, { liveBytes: 4000 }),
    layer(1, 'features.0.bn', 0, { label: 'batch norm', liveBytes: 6000 }),
    layer(2, 'features.1', 30, { liveBytes: 2000 }),
    layer(3, '', null, { label: 'interpolate', macs: null, liveBytes: null }),
    layer(4, 'head', 30, { label: 'linear' }),
  ];
}

export function totals(more: Partial<Totals> = {}): Totals {
  return {
    label: 'predicted',
    latencyUs: 100,
    lowUs: 90,
    highUs: 110,
    peakBytes: 6000,
    weightsBytes: 500,
    params: 50,
    macs: 400,
    uncounted: 1,
    text: '',
    ...more,
  };
}

export function finding(id: string, layers: number[]): Finding {
  return {
    id,
    code: 'CHN101',
    severity: 'warning',
    message: 'channels',
    target: TARGET,
    source: null,
    layers,
    fix: null,
    unfixed: '',
    movable: true,
  };
}

export function answer(more: Partial<ModelViewResult> = {}): ModelViewResult {
  return {
    uri: 'file:///net.py',
    model: 'Net',
    models: [{ name: 'Net', status: 'ok' }],
    state: 'traced',
    stale: false,
    note: '',
    target: TARGET,
    compare: null,
    targets: [TARGET],
    totals: { [TARGET]: totals() },
    layers: net(),
    sources: [],
    peakAt: 1,
    memoryLimit: null,
    memoryWhat: '',
    findings: [],
    preview: null,
    ...more,
  };
}
