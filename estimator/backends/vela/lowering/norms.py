"""Normalisations by statistics of the input, of which the accelerator knows none: means, differences and products.

The epsilon and the inverse root are one table. A batch norm needs no statistics: it is with the convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

from advisor.graph import Op

from .activations import table
from .arithmetic import multiplied, subtracted
from .convolution import scaled
from .lowerer import Lowerer, Value
from .products import innermost, regrouped
from .reductions import mean, reduced


def layer_norm(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    dims = list(range(x.rank - op.attrs["dims"], x.rank))
    x = lower.arranged(x, innermost(x, dims))
    away = subtracted(lower, x, mean(lower, x, dims))
    made = multiplied(lower, away, table(lower, mean(lower, multiplied(lower, away, away), dims)))
    lower.give(op.outputs[0], _affine(lower, op, made, dims))


def rms_norm(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    dims = list(range(x.rank - op.attrs["dims"], x.rank))
    x = lower.arranged(x, innermost(x, dims))
    made = multiplied(lower, x, table(lower, mean(lower, multiplied(lower, x, x), dims)))
    lower.give(op.outputs[0], _affine(lower, op, made, dims))


def _affine(lower: Lowerer, op: Op, x: Value, dims: Sequence[int]) -> Value:
    """The learned scale and offset, as far as the layer has them."""
    if "weight" not in op.weights:
        return x
    return scaled(lower, x, list(dims), offset="bias" in op.weights)


def instance_norm(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    _by_channel(lower, op, x, x.shape[1])


def group_norm(lower: Lowerer, op: Op) -> None:
    _by_channel(lower, op, lower.input(op), op.attrs["groups"])


def _by_channel(lower: Lowerer, op: Op, x: Value, groups: int) -> None:
    """Statistics over all positions and the channels of a group: first by channel, then over the few that are left."""
    away = subtracted(lower, x, _average(lower, x, groups))
    made = multiplied(lower, away, table(lower, _average(lower, multiplied(lower, away, away), groups)))
    lower.give(op.outputs[0], _affine(lower, op, made, [1]))


def _average(lower: Lowerer, x: Value, groups: int) -> Value:
    """The mean of each group of channels, of size 1 at every position; for one group also along the channels."""
    n, channels, *space = x.shape
    space_dims = list(range(2, x.rank))
    y = x
    if any(size != 1 for size in space):
        y = reduced(lower, "MEAN", x, space_dims) if x.rank == 4 else mean(lower, x, space_dims)
    if groups == channels:
        return y
    ones = (1,) * len(space)
    grouped = mean(lower, regrouped(lower, y, (n, groups, channels // groups)), [2])
    if groups == 1:
        return regrouped(lower, grouped, (n, 1, *ones))
    return regrouped(lower, lower.tiled(grouped, (n, groups, channels // groups)), (n, channels, *ones))
