"""Random subgraphs for comparing cost models: blocks of mobile and classic networks, alone or in a short chain.

Shapes follow those of published networks: wide and shallow early, narrow and deep late, with widths that are not always
round.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from advisor.graph import Graph
from tests.graphs import GraphBuilder

SIZES = {112: (8, 48), 56: (12, 96), 28: (16, 192), 14: (24, 448), 7: (40, 640)}
"""Height of the image → the range of channels that networks have there."""


def width(rng: random.Random, low: int, high: int) -> int:
    """A channel count, spread evenly over the logarithm; half of them multiples of 8."""
    drawn = round(low * (high / low) ** rng.random())
    return max(8, round(drawn / 8) * 8) if rng.random() < 0.5 else drawn


def ibn(b: GraphBuilder, x: int, rng: random.Random) -> int:
    c = b.shape(x)[1]
    out = c if rng.random() < 0.5 else width(rng, max(8, c // 2), c * 2)
    stride = 1 if out == c or b.shape(x)[2] < 8 else rng.choice((1, 2))
    return b.inverted_bottleneck(x, out, rng.choice((2, 3, 4, 6)), rng.choice((3, 3, 5)), stride, rng.random() < 0.25)


def conv(b: GraphBuilder, x: int, rng: random.Random) -> int:
    c = b.shape(x)[1]
    stride = rng.choice((1, 1, 2)) if b.shape(x)[2] >= 8 else 1
    return b.conv_bn_act(x, width(rng, max(8, c // 2), c * 2), rng.choice((1, 3, 3, 5)), stride, fn="relu")


def depthwise(b: GraphBuilder, x: int, rng: random.Random) -> int:
    c = b.shape(x)[1]
    y = b.conv_bn_act(x, c, rng.choice((3, 5)), rng.choice((1, 2)) if b.shape(x)[2] >= 8 else 1, groups=c)
    return b.conv_bn_act(y, width(rng, max(8, c // 2), c * 2))


def residual(b: GraphBuilder, x: int, rng: random.Random) -> int:
    c = b.shape(x)[1]
    y = b.bn(b.conv(b.conv_bn_act(x, c, 3, fn="relu"), c, 3))
    return b.act(b.add(x, y), "relu")


def bottleneck(b: GraphBuilder, x: int, rng: random.Random) -> int:
    c = b.shape(x)[1]
    inner = max(8, c // rng.choice((2, 4)))
    y = b.conv_bn_act(b.conv_bn_act(x, inner, fn="relu"), inner, 3, fn="relu")
    return b.act(b.add(x, b.bn(b.conv(y, c))), "relu")


def pooling(b: GraphBuilder, x: int, rng: random.Random) -> int:
    y = b.conv_bn_act(x, width(rng, max(8, b.shape(x)[1] // 2), b.shape(x)[1] * 2), rng.choice((1, 3)), fn="relu")
    return b.pool(y, 2, fn=rng.choice(("max", "avg"))) if b.shape(y)[2] >= 8 else y


def squeeze_excite(b: GraphBuilder, x: int, rng: random.Random) -> int:
    y = b.conv_bn_act(x, b.shape(x)[1], 3, groups=b.shape(x)[1], fn="relu")
    c = b.shape(y)[1]
    gate = b.conv(b.act(b.conv(b.global_pool(y), max(8, c // 4), bias=True), "relu"), c, bias=True)
    return b.elementwise("mul", y, b.act(gate, "sigmoid"))


BLOCKS: tuple[Callable[[GraphBuilder, int, random.Random], int], ...] = (
    ibn,
    conv,
    depthwise,
    residual,
    bottleneck,
    pooling,
    squeeze_excite,
)


def subgraph(rng: random.Random) -> Graph:
    """One to three random blocks at a random place of a network."""
    b = GraphBuilder()
    size = rng.choice(tuple(SIZES))
    x = b.input((1, width(rng, *SIZES[size]), size, size))
    for _ in range(rng.choice((1, 2, 3))):
        x = rng.choice(BLOCKS)(b, x, rng)
    return b.build(x)


def subgraphs(count: int, seed: int) -> list[Graph]:
    rng = random.Random(seed)
    return [subgraph(rng) for _ in range(count)]
