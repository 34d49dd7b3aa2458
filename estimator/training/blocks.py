"""Random blocks, in the styles of published networks: each appends to a chain and returns its result."""

from __future__ import annotations

import random
from collections.abc import Callable

from .building import Builder

Block = Callable[[Builder, random.Random, int], int]

_ACTIVATIONS = ("relu", "relu", "relu", "relu6", "relu6", "hardswish", "silu", "none", "gelu", "leaky_relu")
_KERNELS = (1, 3, 3, 3, 5, 7)
MAX_ELEMENTS = 1_600_000
"""Of one activation: larger ones cost much to compile and are rare."""
MAX_WEIGHTS = 150_000
"""Of one layer, as a rule: compressing weights is what takes compilers most time."""
MAX_MACS = 400_000_000


def width(rng: random.Random, near: float) -> int:
    """A number of channels about ``near``: most often a multiple of a power of two, or close to one."""
    wanted = max(4.0, near)
    step = rng.choice((8, 8, 8, 16, 16, 32, 64))
    base = max(1, round(wanted / step)) * step
    off = rng.choice((0, 0, 0, 0, 0, 1, -1, 2, -2, 4, -4, 3, -3, step // 2))
    return max(1, min(base + off, 2560))


def _next(b: Builder, rng: random.Random, x: int, kernel: int = 1, groups: int = 1) -> int:
    """A width for a convolution of ``x`` that keeps within the limits."""
    _, c, h, w = b.shape(x)
    out = width(rng, c * rng.choice((0.25, 0.5, 0.75, 1, 1, 1, 1.5, 2, 2, 3, 4, 6)))
    weights = MAX_WEIGHTS * (1 if rng.random() < 0.95 else 8)
    most = min(MAX_ELEMENTS // (h * w), weights // (c // groups * kernel * kernel))
    most = min(most, MAX_MACS // (h * w * c // groups * kernel * kernel))
    return max(4, min(out, most))


def plain(b: Builder, rng: random.Random, x: int) -> int:
    kernel = rng.choice(_KERNELS)
    out = _next(b, rng, x, kernel)
    if kernel > 1 and rng.random() < 0.12:  # factorised, as ERFNet and Inception do
        dilation = rng.choice((1, 1, 2, 4, 8, 16))
        y = b.act(b.conv(x, out, (kernel, 1), dilation=dilation), rng.choice(_ACTIVATIONS))
        y = b.conv(y, out, (1, kernel), dilation=dilation)
    else:
        y = b.conv(x, out, kernel, _stride(b, rng, x), dilation=rng.choice((2, 4, 8)) if rng.random() < 0.08 else 1)
    return b.act(y, rng.choice(_ACTIVATIONS))


def grouped(b: Builder, rng: random.Random, x: int) -> int:
    """A bottleneck with a grouped convolution."""
    size = rng.choice((4, 8, 8, 16, 24, 32))
    groups = max(1, min(_next(b, rng, x) // size, 32))
    fn = rng.choice(_ACTIVATIONS)
    y = b.act(b.conv(x, groups * size), fn)
    y = b.act(b.conv(y, groups * size, 3, _stride(b, rng, x), groups), fn)
    return _joined(b, rng, x, b.conv(y, _next(b, rng, y)), fn)


def separable(b: Builder, rng: random.Random, x: int) -> int:
    fn = rng.choice(_ACTIVATIONS)
    y = b.act(b.depthwise(x, rng.choice((3, 3, 5, 7)), _stride(b, rng, x)), fn)
    return b.act(b.conv(y, _next(b, rng, y)), fn)


def inverted(b: Builder, rng: random.Random, x: int) -> int:
    """An inverted bottleneck, fused or not, with or without squeeze-and-excite and residual."""
    _, c, h, w = b.shape(x)
    fn = rng.choice(("relu", "relu6", "hardswish", "silu"))
    wide = c * rng.choice((1, 2, 3, 4, 4, 6, 6, 8)) if rng.random() < 0.6 else width(rng, c * rng.uniform(1, 7))
    wide = max(4, min(wide, MAX_ELEMENTS // (h * w), MAX_WEIGHTS // c))
    kernel = rng.choice((3, 3, 5, 7))
    if rng.random() < 0.25 and h * w * c * wide * 9 < MAX_MACS:
        y = b.act(b.conv(x, wide, 3, _stride(b, rng, x)), fn)
    else:
        y = b.act(b.conv(x, wide), fn)
        y = b.act(b.depthwise(y, kernel, _stride(b, rng, y)), fn)
    if rng.random() < 0.35:
        y = squeeze(b, rng, y)
    same = b.shape(y)[2:] == (h, w)
    out = c if same and rng.random() < 0.7 else _next(b, rng, x)
    y = b.conv(y, out)
    return b.elementwise("add", x, y) if out == c and same else y


def squeeze(b: Builder, rng: random.Random, x: int) -> int:
    """Squeeze-and-excite."""
    y = b.conv(b.global_pool(x), width(rng, b.channels(x) / rng.choice((4, 8, 16, 24))))
    y = b.conv(b.act(y, rng.choice(("relu", "relu", "silu"))), b.channels(x))
    return b.elementwise("mul", x, b.act(y, rng.choice(("sigmoid", "hardsigmoid"))))


def residual(b: Builder, rng: random.Random, x: int) -> int:
    """Two or three convolutions around which ``x`` is added."""
    c, fn = b.channels(x), rng.choice(("relu", "relu", "silu", "leaky_relu"))
    if rng.random() < 0.5:
        middle = _next(b, rng, x)
        y = b.act(b.conv(x, middle), fn)
        y = b.act(b.conv(y, _next(b, rng, y, 3) if rng.random() < 0.2 else middle, 3), fn)
    else:
        y = b.act(b.conv(x, _next(b, rng, x, 3), 3), fn)
    y = b.conv(y, c, 3 if b.channels(y) * c < 300_000 else 1)
    return _joined(b, rng, x, y, fn)


def branches(b: Builder, rng: random.Random, x: int) -> int:
    """Parallel branches that are concatenated: Inception's, fire modules, dense layers, ghosts."""
    ways: list[int] = [x] if rng.random() < 0.4 else []
    for _ in range(rng.randint(1, 3)):
        y = x
        if rng.random() < 0.6:
            y = b.act(b.conv(y, max(4, _next(b, rng, y) // 2)), "relu")
        kernel = rng.choice((1, 3, 3, 5))
        if rng.random() < 0.25:
            y = b.act(b.depthwise(y, kernel), "relu")
        else:
            y = b.act(b.conv(y, max(4, _next(b, rng, y, kernel) // 2), kernel), "relu")
        ways.append(y)
    if rng.random() < 0.2:
        ways.append(b.conv(b.pool(x, rng.choice(("avg", "max")), 3, 1), max(4, _next(b, rng, x) // 2)))
    y = b.concat(ways) if len(ways) > 1 else ways[0]
    _, c, h, w = b.shape(y)
    return b.conv(y, _next(b, rng, y)) if c * h * w > MAX_ELEMENTS or rng.random() < 0.5 else y


def pooled(b: Builder, rng: random.Random, x: int) -> int:
    """A window pool; where the image is small a convolution."""
    _, _, h, w = b.shape(x)
    if min(h, w) < 6:
        return plain(b, rng, x)
    kernel, stride = rng.choice(((2, 2), (2, 2), (3, 2), (3, 2), (3, 2), (3, 1), (5, 1), (7, 1), (2, 1)))
    return b.pool(x, rng.choice(("max", "max", "avg")), kernel, stride, kernel > 3 or rng.random() < 0.6)


def enlarged(b: Builder, rng: random.Random, x: int) -> int:
    """A larger image, by resizing or by a transposed convolution, with or without a convolution behind it."""
    _, c, h, w = b.shape(x)
    factors = [f for f in (2, 2, 2, 4, 8, 16, 32) if f * f * min(c, 8) * h * w <= MAX_ELEMENTS]
    if not factors:
        return plain(b, rng, x)
    if rng.random() < 0.3 and 4 * c * h * w <= MAX_ELEMENTS:
        return b.act(b.upconv(x, max(4, min(_next(b, rng, x), MAX_ELEMENTS // (4 * h * w)))), "relu")
    factor = rng.choice(factors)
    most = MAX_ELEMENTS // (factor * factor * h * w)
    y = b.conv(x, max(1, min(width(rng, most), most))) if c > most else x
    y = b.resize(y, rng.choice(("nearest", "bilinear", "bilinear")), factor)
    return b.act(b.conv(y, _next(b, rng, y, 3), 3), "relu") if rng.random() < 0.5 else y


def patches(b: Builder, rng: random.Random, x: int) -> int:
    """Patches without overlap, each a position of the result: the stem of transformers and ConvNeXt."""
    _, c, h, w = b.shape(x)
    sizes = [k for k in (2, 2, 4, 4, 7, 8, 14, 16, 32) if k <= min(h, w) // 2]
    if not sizes:
        return plain(b, rng, x)
    kernel = rng.choice(sizes)
    out = min(width(rng, rng.choice((24, 48, 96, 192, 384))), max(4, 8 * MAX_WEIGHTS // (c * kernel * kernel)))
    return b.conv(x, out, kernel, kernel, padded=False)


def head(b: Builder, rng: random.Random, x: int) -> int:
    """Global pooling and a classifier."""
    y = b.flatten(b.global_pool(x))
    if rng.random() < 0.3:
        y = b.act(b.linear(y, width(rng, rng.choice((128, 512, 1024, 1280)))), "relu")
    return b.linear(y, rng.choice((10, 100, 1000, 1000, width(rng, 300))))


def normed(b: Builder, rng: random.Random, x: int) -> int:
    """A normalisation that no convolution takes in: before an activation, or as ConvNeXt and PoolFormer do."""
    _, c, h, w = b.shape(x)
    style = rng.choice(("batch_norm", "batch_norm", "group_norm", "layer_norm", "layer_norm"))
    if style == "batch_norm" and rng.random() < 0.5:  # depthwise kernels of several sizes side by side
        small = b.conv(x, max(4, min(_next(b, rng, x), MAX_ELEMENTS // (4 * h * w))))
        y = b.concat([b.depthwise(small, k) for k in rng.sample((3, 5, 7, 9), rng.randint(2, 4))])
        y = b.act(b.norm(y, style), rng.choice(_ACTIVATIONS))
        return b.conv(y, _next(b, rng, y))
    if style != "layer_norm":
        y = b.act(b.norm(x, style), rng.choice(_ACTIVATIONS))
        return b.conv(y, _next(b, rng, y))
    y = b.depthwise(x, rng.choice((3, 5, 7))) if rng.random() < 0.7 else x
    y = b.norm(b.permute(y, 0, 2, 3, 1), "layer_norm")
    wide = max(4, min(c * rng.choice((1, 2, 4)), MAX_ELEMENTS // (h * w), 2 * MAX_WEIGHTS // c))
    y = b.linear(b.act(b.linear(y, wide), "gelu"), c)
    y = b.permute(y, 0, 3, 1, 2)
    return b.elementwise("add", x, y)


def shuffled(b: Builder, rng: random.Random, x: int) -> int:
    """A residual unit of ghosts or of split channels, whose parts are concatenated again."""
    c = b.channels(x)
    half = max(4, width(rng, c * rng.choice((0.25, 0.5, 0.5, 1.0))))
    half = min(half, MAX_ELEMENTS // (b.shape(x)[2] * b.shape(x)[3]), MAX_WEIGHTS // c)
    first = b.act(b.conv(x, half), rng.choice(("relu", "none")))
    second = b.act(b.depthwise(first, rng.choice((3, 3, 5))), rng.choice(("relu", "none")))
    y = b.concat([first, second])
    groups = rng.choice((2, 2, 2, 3, 4, 8))
    if rng.random() < 0.6 and b.channels(y) % groups == 0:  # channels are shuffled
        _, wide, h, w = b.shape(y)
        y = b.permute(b.reshape(y, 1, groups, wide // groups, h, w), 0, 2, 1, 3, 4)
        y = b.reshape(y, 1, wide, h, w)
    if b.channels(y) == c and rng.random() < 0.7:
        y = b.elementwise("add", x, y)
    return b.concat([x, y]) if rng.random() < 0.25 and c * b.shape(x)[2] * b.shape(x)[3] < MAX_ELEMENTS // 4 else y


def encoder(b: Builder, rng: random.Random, x: int) -> int:
    """Blocks of a transformer over the image's positions, with a classifier."""
    _, c, h, w = b.shape(x)
    heads = rng.choice((1, 2, 3, 4, 6))
    size = rng.choice((16, 24, 32, 32, 48, 64))
    wide = heads * size
    x = b.conv(x, wide, 1) if c != wide else x
    x = b.permute(b.reshape(x, 1, wide, h * w), 0, 2, 1)
    for _ in range(rng.randint(1, 2)):
        y = b.linear(b.norm(x, "layer_norm"), 3 * wide)
        y = b.permute(b.reshape(y, 1, h * w, 3, heads, size), 2, 0, 3, 1, 4)
        y = b.op("attention", b.unbind(y), (1, heads, h * w, size), causal=False, scale=None)
        y = b.linear(b.reshape(b.permute(y, 0, 2, 1, 3), 1, h * w, wide), wide)
        x = b.elementwise("add", x, y)
        y = b.linear(b.norm(x, "layer_norm"), wide * rng.choice((2, 3, 4, 4)))
        x = b.elementwise("add", x, b.linear(b.act(y, rng.choice(("gelu", "gelu", "silu", "relu"))), wide))
    if rng.random() < 0.5:  # on as an image, as hybrids do
        x = b.reshape(b.permute(b.norm(x, "layer_norm"), 0, 2, 1), 1, wide, h, w)
        return b.act(b.conv(x, _next(b, rng, x, 3), 3), "silu")
    y = b.op("reduce", [b.norm(x, "layer_norm")], (1, wide), fn="mean", dims=[1], keepdim=False)
    return b.linear(y, rng.choice((10, 100, 1000)))


def heavy(b: Builder, rng: random.Random, x: int) -> int:
    """A layer whose weights take longer to fetch than to use: wide convolutions on small images, large classifiers."""
    _, c, h, w = b.shape(x)
    if rng.random() < 0.3 or max(h, w) > 20:
        y = b.flatten(b.global_pool(x))
        return b.linear(
            b.linear(y, width(rng, rng.choice((512, 960, 1280, 2048)))), rng.choice((1000, 1000, 512, 2730))
        )
    wide = width(rng, rng.choice((480, 672, 960, 1280, 1536, 2048)))
    kernel = rng.choice((1, 1, 1, 3))
    y = b.act(b.conv(x, min(wide, 6_000_000 // (c * kernel * kernel)), kernel), rng.choice(_ACTIVATIONS))
    return b.conv(y, min(width(rng, rng.choice((160, 320, 640, 1280))), 3_000_000 // b.channels(y)))


BLOCKS: tuple[tuple[Block, float], ...] = (
    (plain, 6),
    (grouped, 3),
    (separable, 4),
    (inverted, 5),
    (residual, 3),
    (branches, 3),
    (pooled, 4),
    (enlarged, 2.5),
    (patches, 1),
    (normed, 2),
    (shuffled, 3),
)
"""Blocks with their weights in a random chain."""


def _stride(b: Builder, rng: random.Random, x: int) -> int:
    return 2 if min(b.shape(x)[2:]) >= 8 and rng.random() < 0.25 else 1


def _joined(b: Builder, rng: random.Random, x: int, y: int, fn: str) -> int:
    """``x`` added to ``y`` where the shapes allow it, and an activation."""
    if b.shape(x) == b.shape(y) and rng.random() < 0.8:
        y = b.elementwise("add", x, y)
    return b.act(y, fn)
