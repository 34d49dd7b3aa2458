"""What regressors see of a fixed graph, as one short text: a predictor keeps the one that it was fitted with.

A change of a column or of a rule that rows start from makes another text, and a predictor with the old one reads its
rows wrongly until it is fitted anew. The version of the columns says so only where somebody remembers to raise it.
"""

from __future__ import annotations

import hashlib

from advisor.graph import Graph
from advisor.targets import Target

from ..learned.features import features
from .building import Builder

FACT = "rows"
"""The name that a predictor's facts have it under."""


def seen(target: Target) -> str:
    """What there is to see on this target. Values count to three digits: the last ones are the machine's."""
    parts = []
    for graph in (_layers(), _maps()):
        made = features(graph, target)
        rows = zip(made.kinds, made.matrix.tolist(), strict=True)
        parts += [f"{kind} {' '.join([f'{value:.3g}' for value in row])}" for kind, row in rows]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _layers() -> Graph:
    """Layers of every kind, with little and with many weights, and what stands between them."""
    b = Builder(1, 3, 96, 96)
    x = b.act(b.conv(0, 24, 7, stride=4), "relu")
    x = b.act(b.norm(b.depthwise(x, 5), "batch_norm"), "hardswish")
    y = b.conv(b.act(b.conv(x, 150), "relu6"), 24)
    x = b.elementwise("add", x, y)
    x = b.conv(b.act(b.conv(x, 64, 3, stride=2, groups=8), "relu"), 96, 3, dilation=2)
    x = b.pool(x, "max", 3, 2)
    x = b.act(b.conv(x, 512), "silu")
    gate = b.act(b.conv(b.global_pool(x), 512), "sigmoid")
    x = b.conv(b.elementwise("mul", x, gate), 640, 3)
    x = b.upconv(b.resize(x, "nearest", 2), 40)
    x = b.conv(x, 48, 4, stride=4, padded=False)
    return b.build(b.linear(b.flatten(b.global_pool(x)), 1000))


def _maps() -> Graph:
    """Maps that are joined, shuffled, brought into another order and normalised."""
    b = Builder(1, 16, 32, 32)
    x = b.act(b.conv(0, 40), "relu")
    y = b.act(b.conv(x, 24, 3), "relu")
    x = b.concat([x, y, b.depthwise(y)])
    n, c, h, w = b.shape(x)
    x = b.reshape(b.permute(b.reshape(x, n, 2, c // 2, h, w), 0, 2, 1, 3, 4), n, c, h, w)
    x = b.conv(x, 64)
    x = b.reshape(x, 1, 64, h // 2, 2, w // 2, 2)
    x = b.reshape(b.permute(x, 0, 3, 5, 2, 4, 1), 4, h * w // 4, 64)
    x = b.linear(b.act(b.linear(b.norm(x, "layer_norm"), 128), "gelu"), 64)
    x = b.permute(b.reshape(x, 1, 2, 2, h // 2, w // 2, 64), 0, 5, 3, 1, 4, 2)
    return b.build(b.conv(b.reshape(x, 1, 64, h, w), 32))
