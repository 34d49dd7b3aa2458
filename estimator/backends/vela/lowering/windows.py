"""What convolutions and pools share: explicit paddings, and more or fewer than two spatial dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..layout import channels_last, stored
from .lowerer import Lowerer, Refusal, Value

SAME, VALID = 0, 1
"""The schema's paddings."""

CHANNELS_LAST = channels_last(4)


def image(lower: Lowerer, value: Value) -> Value:
    """The value as one batch of images (N, C, H, W) with channels innermost: a sequence becomes one row."""
    if value.rank == 2:
        value = lower.viewed(lower.arranged(value, (0, 1)), (*value.shape, 1))
    if value.rank == 3:
        n, c, length = value.shape
        value = lower.arranged(value, channels_last(3))
        return lower.viewed(value, (n, c, 1, length), CHANNELS_LAST)
    if value.rank != 4:
        raise Refusal(f"it works on {value.rank - 2} spatial dimensions; there are operators for one and two")
    return lower.arranged(value, CHANNELS_LAST)


def of_image(lower: Lowerer, value: Value, shape: Sequence[int]) -> Value:
    """The image as the tensor of the graph that it stands for."""
    return lower.viewed(value, shape, channels_last(len(shape)))


def square(sizes: Sequence[int], fill: int) -> tuple[int, int]:
    """A window's sizes along height and width; a sequence's is one row high."""
    return (fill, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def padded(
    lower: Lowerer,
    value: Value,
    out: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1, 1),
    code: str = "PAD",
) -> tuple[Value, int]:
    """The image that the windows really read, and the schema's padding for it.

    The schema knows none, and the one that divides what an output of ceil(size / stride) needs, the larger half
    behind. Every other padding is an operator of its own. What no window reads is left out by it likewise.
    """
    before, after, natural = [0, 0], [0, 0], True
    for i in range(2):
        size, reach = value.shape[2 + i], dilation[i] * (kernel[i] - 1) + 1
        total = (out[i] - 1) * stride[i] + reach - size
        before[i] = padding[i]
        after[i] = max(0, total - padding[i])
        same = max(0, (math.ceil(size / stride[i]) - 1) * stride[i] + reach - size)
        natural &= out[i] == math.ceil(size / stride[i]) and before[i] == same // 2 and after[i] == same - same // 2
    if natural and any((*before, *after)):
        return value, SAME
    return extended(lower, value, before, after, code), VALID


def extended(lower: Lowerer, value: Value, before: Sequence[int], after: Sequence[int], code: str = "PAD") -> Value:
    """The image with rows and columns added before and after."""
    if not any((*before, *after)):
        return value
    n, c, h, w = value.shape
    shape = (n, c, h + before[0] + after[0], w + before[1] + after[1])
    sides = lower.table([[0, 0], [before[0], after[0]], [before[1], after[1]], [0, 0]])
    operands: list[Value | int] = [value, sides]
    if code == "PADV2":
        operands.append(lower.constant((1,)))
    return lower.emit(code, operands, shape, CHANNELS_LAST)


def cropped(lower: Lowerer, value: Value, starts: Sequence[int], shape: Sequence[int]) -> Value:
    """The part of ``shape`` that begins at ``starts``, both along the graph's dimensions."""
    if tuple(shape) == value.shape:
        return value
    begin, size = stored(starts, value.order), stored(shape, value.order)
    operands: list[Value | int] = [value, lower.numbers(begin), lower.numbers(size)]
    return lower.emit("SLICE", operands, shape, value.order, ("SliceOptions", {}), value.dtype)
