"""Operators that the compiler makes several of, and what it keeps in memory between them.

Read off the operations that ``ethos-u-vela`` 5.2.0 lists in its database:

- Softmax: the largest along channels, differences to it, their exponentials in 32 bits, the sums of those; then one
  over each sum by Newton's method in three rounds, on one value a position, in 32 bits and in bricks; then products.
- PReLU with slopes of its own for each channel: the positive part, the negative part times the slopes, their sum.
- Doubling an image by interpolation, Ethos-U55 and U65: the image with a frame around it, from which four depthwise
  layers of 2 × 2 write every second row and column each. Enlarging by 4 or 8 there goes in steps of 2.
- A transposed convolution on Ethos-U85: one for each position of its stride, which write every so many columns.
- A mean over positions: a depthwise layer of ones with the window of the image, in 32 bits, and a product.
- A sum runs along channels: over anything else its source is transposed first.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol

from ...backends.vela.writer import OpSpec, TensorSpec
from .area import Area, Step
from .encoding import Layer

ROUNDS = 3
"""Of Newton's method."""

MEAN_WINDOW, MEAN_ROWS = 64 * 64, 64
"""Positions and rows of the largest window of a mean; a larger image is averaged in parts."""


class Builder(Protocol):
    """What of :mod:`.steps` expansions are written in."""

    specs: list[TensorSpec]
    areas: dict[int, Area]
    is_u85: bool

    def step(self, operator: int, code: str, reads: list[Area], writes: Area, layer: Layer | None = None) -> Step: ...

    def plain(self, i: int, op: OpSpec, live: list[int]) -> None: ...

    def activation(self, i: int, op: OpSpec, live: list[int]) -> None: ...

    def finish(self, i: int, op: OpSpec, reads: list[Area], code: str = "") -> None: ...


def _between(
    b: Builder, i: int, code: str, reads: list[Area], shape: tuple[int, ...], item_bytes: int = 4, linear: bool = False
) -> Area:
    """What an operation on the way to the operator's result makes."""
    area = Area(shape, item_bytes, -1, linear)
    b.step(i, code, reads, area)
    return area


def softmax(b: Builder, i: int, op: OpSpec, live: list[int]) -> None:
    source, shape = b.areas[live[0]], b.specs[live[0]].shape
    few = (*shape[:-1], 1)
    largest = _between(b, i, "MAX", [source], few, source.item_bytes, True)
    powers = _between(b, i, "SUB", [source, largest], shape)
    shifted = _between(b, i, "ASR", [powers], shape, linear=True)
    sums = _between(b, i, "SUM", [shifted], few, linear=True)
    zeros = _between(b, i, "CLZ", [sums], few)
    shift = _between(b, i, "SUB", [zeros], few, linear=True)
    divisor = _between(b, i, "SHL", [sums, _between(b, i, "SUB", [zeros], few)], few)
    inverse = _between(b, i, "ADD", [_between(b, i, "MUL", [divisor], few)], few)
    for turn in range(ROUNDS):
        off = _between(b, i, "SUB", [_between(b, i, "MUL", [inverse, divisor], few)], few)
        more = _between(b, i, "MUL", [_between(b, i, "MUL", [inverse, off], few)], few)
        inverse = _between(b, i, "ADD", [inverse, more], few, linear=turn == ROUNDS - 1)
    b.finish(i, op, [_between(b, i, "MUL", [powers, inverse], shape), shift], "ASR")


def prelu(b: Builder, i: int, op: OpSpec, live: list[int]) -> None:
    if len(live) == 1 and prod(b.specs[op.inputs[1]].shape) == 1:
        b.activation(i, op, live)
        return
    source, shape = b.areas[live[0]], b.specs[live[0]].shape
    slopes = [b.areas[t] for t in live[1:]]
    positive = _between(b, i, "RELU", [source], shape, source.item_bytes)
    negative = _between(b, i, "MINIMUM", [source], shape, source.item_bytes)
    scaled = _between(b, i, "MUL", [negative, *slopes], shape, source.item_bytes)
    b.finish(i, op, [scaled, positive])


def resize(b: Builder, i: int, op: OpSpec, live: list[int]) -> None:
    source = b.areas[live[0]]
    (n, height, width, channels), out = b.specs[live[0]].shape, b.specs[op.outputs[0]].shape
    factor = out[1] // height
    fields = op.options[1] if op.options else {}
    if b.is_u85 or height * width == 1:
        b.finish(i, op, [source])
    elif factor == 2 and fields.get("HalfPixelCenters"):
        framed = Area((n, height + 2, width + 2, channels), source.item_bytes, -1, True)
        b.step(i, "COPY", [source], framed)
        b.finish(i, op, [framed])
        out_area = b.areas[op.outputs[0]]
        out_area.linear = True
        out_area.writers[0].layer, out_area.writers[0].parts = Layer("doubling", channels, 1, 4), 4
    else:
        for by in (2, 4)[: factor // 4]:
            source = _between(b, i, "POOL", [source], (n, height * by, width * by, channels), source.item_bytes)
        b.finish(i, op, [source])


def interleaved(step: Step, kernel: Sequence[int], stride: Sequence[int]) -> None:
    """A transposed convolution becomes one convolution for each position of its ``stride``."""
    if step.layer is not None and max(stride) > 1:
        step.parts = prod(stride)
        step.layer = step.layer._replace(kernel=prod([-(-k // s) for k, s in zip(kernel, stride, strict=True)]))
        step.writes.linear = True


def mean(b: Builder, i: int, op: OpSpec, live: list[int]) -> None:
    source, shape, out = b.areas[live[0]], b.specs[live[0]].shape, b.specs[op.outputs[0]].shape
    axes = b.specs[op.inputs[1]].data
    over = [] if axes is None else [int(a) % len(shape) for a in axes.reshape(-1)]
    *_, channels = shape
    if not over or len(shape) - 1 in over or len(shape) > 4:
        b.plain(i, op, live)
        return
    sums = Area(out if len(out) == len(shape) else tuple(1 if d in over else n for d, n in enumerate(shape)), 4, -1)
    for window in dict.fromkeys(windows(shape, over)):
        b.step(i, "MEAN", [source], sums, Layer("mean", channels, 1, window))
    b.finish(i, op, [sums])


def windows(shape: tuple[int, ...], over: list[int]) -> list[int]:
    """Positions of the windows that an image of ``shape``, channels last, is averaged in."""
    height, width = (1, 1, *[n if d in over else 1 for d, n in enumerate(shape)][:-1])[-2:]
    if height > MEAN_ROWS and width > 1 and height * width <= MEAN_WINDOW:
        return [height * width]
    rows = max(1, min(MEAN_WINDOW // width, height, MEAN_ROWS))
    return [rows * width] * (height // rows) + ([height % rows * width] if height % rows else [])


def total(b: Builder, i: int, op: OpSpec, live: list[int]) -> None:
    source, shape = b.areas[live[0]], b.specs[live[0]].shape
    axes = b.specs[op.inputs[1]].data if len(op.inputs) > 1 else None
    if axes is None or max(axes.tolist()) < len(shape) - 1:
        source = _between(b, i, "BETWEEN", [source], shape, source.item_bytes, True)
    b.finish(i, op, [source])
