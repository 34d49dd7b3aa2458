"""Changing the resolution, and trading it for channels."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.graph import Op

from .lowerer import Lowerer, Refusal, Value
from .products import along, permuted, regrouped
from .windows import CHANNELS_LAST, image, of_image

FACTORS = (2, 4, 8)
"""What the accelerator enlarges by."""


def resize(lower: Lowerer, op: Op) -> None:
    shape = lower.graph.shape(op.outputs[0])
    value = lower.input(op)
    if len(shape) not in (3, 4):
        raise Refusal(f"a resize over {len(shape) - 2} dimensions")
    x = image(lower, value)
    out = shape if len(shape) == 4 else (*shape[:2], 1, *shape[2:])
    nearest = op.attrs["mode"].startswith("nearest")
    lower.give(op.outputs[0], of_image(lower, _resized(lower, x, out, nearest), shape))


def _resized(lower: Lowerer, x: Value, out: Sequence[int], nearest: bool) -> Value:
    """By the operator where it takes the factor; else by a matrix along each side, which any interpolation is."""
    if tuple(out) == x.shape:
        return x
    scales = [after / before for before, after in zip(x.shape[2:], out[2:], strict=True)]
    if x.shape[2:] == (1, 1) or (scales[0] == scales[1] and scales[0] in FACTORS):
        code, name = ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions")
        if not nearest:
            code, name = ("RESIZE_BILINEAR", "ResizeBilinearOptions")
        # half-pixel centres, torch's way, have a form for doubling only; the others cost what they cost there
        half = {"HalfPixelCenters": True} if not nearest and scales[0] == 2 else {}
        return lower.emit(code, [x, lower.numbers(out[2:])], out, CHANNELS_LAST, (name, half))
    for dim in (2, 3):
        if x.shape[dim] != out[dim]:
            x = along(lower, x, dim, out[dim])
    return lower.arranged(x, CHANNELS_LAST)


def reordered(lower: Lowerer, x: Value, split: Sequence[int], dims: Sequence[int], shape: Sequence[int]) -> Value:
    """``x.reshape(split).permute(dims).reshape(shape)``."""
    return regrouped(lower, permuted(regrouped(lower, x, split), dims), shape)


def pixel_shuffle(lower: Lowerer, op: Op) -> None:
    x, r = lower.input(op), op.attrs["factor"]
    n, c, h, w = x.shape
    made = reordered(lower, x, (n, c // r**2, r, r, h, w), (0, 1, 4, 2, 5, 3), (n, c // r**2, h * r, w * r))
    lower.give(op.outputs[0], made)


def pixel_unshuffle(lower: Lowerer, op: Op) -> None:
    x, r = lower.input(op), op.attrs["factor"]
    n, c, h, w = x.shape
    made = reordered(lower, x, (n, c, h // r, r, w // r, r), (0, 1, 3, 5, 2, 4), (n, c * r**2, h // r, w // r))
    lower.give(op.outputs[0], made)


def channel_shuffle(lower: Lowerer, op: Op) -> None:
    x, g = lower.input(op), op.attrs["groups"]
    n, c, *space = x.shape
    rest = range(3, 3 + len(space))
    lower.give(op.outputs[0], reordered(lower, x, (n, g, c // g, *space), (0, 2, 1, *rest), x.shape))
