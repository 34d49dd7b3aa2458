"""Pools over windows and reductions over dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor.graph import Op

from ..layout import Order, plain, with_last
from .activations import table
from .arithmetic import fitted, multiplied, subtracted
from .lowerer import Lowerer, Refusal, Value
from .movement import part
from .windows import CHANNELS_LAST, cropped, image, of_image, padded, square

CODES = {"max": "MAX_POOL_2D", "avg": "AVERAGE_POOL_2D", "lp": "AVERAGE_POOL_2D"}
_SAME_AVERAGE = 8
"""The largest window of a padded average."""


def pool(lower: Lowerer, op: Op) -> None:
    fn = op.attrs["fn"]
    shape = lower.graph.shape(op.outputs[0])
    value = lower.input(op)
    if value.rank != len(shape) or value.rank < 3:
        raise Refusal(f"a pool over {value.shape}")
    x = image(lower, value)
    out = shape if len(shape) == 4 else (*shape[:2], 1, *shape[2:])
    if fn == "lp":
        x = table(lower, x)
    if op.attrs["adaptive"] is not None:
        made = _adaptive(lower, fn, x, out)
    else:
        if any(d != 1 for d in op.attrs["dilation"]):
            raise Refusal("a dilated pool")
        kernel, stride = square(op.attrs["kernel"], 1), square(op.attrs["stride"], 1)
        made = _windows(lower, fn, x, out, kernel, stride, square(op.attrs["padding"], 0))
    if fn == "lp":
        made = table(lower, made)
    lower.give(op.outputs[0], of_image(lower, made, shape))


def _windows(
    lower: Lowerer,
    fn: str,
    x: Value,
    out: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int] = (0, 0),
) -> Value:
    x, mode = padded(lower, x, out[2:], kernel, stride, padding, code="PADV2" if fn == "max" else "PAD")
    options = {"Padding": mode, "StrideH": stride[0], "StrideW": stride[1]}
    options |= {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
    return lower.emit(CODES[fn], [x], out, CHANNELS_LAST, ("Pool2DOptions", options))


def _adaptive(lower: Lowerer, fn: str, x: Value, out: Sequence[int]) -> Value:
    """A pool to a given size: one over the whole, one of equal windows, or rows and then columns one by one."""
    if tuple(out) == x.shape:
        return x
    if out[2:] == (1, 1):
        return reduced(lower, "MEAN" if fn == "avg" else "REDUCE_MAX", x, [2, 3])
    if all(size % n == 0 for size, n in zip(x.shape[2:], out[2:], strict=True)):
        window = (x.shape[2] // out[2], x.shape[3] // out[3])
        return _windows(lower, fn, x, out, window, window)
    for dim in (2, 3):
        x = _uneven(lower, fn, x, dim, out[dim])
    return x


def _uneven(lower: Lowerer, fn: str, x: Value, dim: int, count: int) -> Value:
    """Windows of unequal size along one dimension, each cut out for itself."""
    size = x.shape[dim]
    parts = []
    for i in range(count):
        start, stop = i * size // count, math.ceil((i + 1) * size / count)
        part = _along(x.shape, dim, stop - start)
        cut = cropped(lower, x, [start if d == dim else 0 for d in range(4)], part)
        window = (part[2], 1) if dim == 2 else (1, part[3])
        parts.append(_windows(lower, fn, cut, _along(part, dim, 1), window, (1, 1)))
    axis = CHANNELS_LAST.index(dim)
    shape = _along(x.shape, dim, count)
    return lower.emit("CONCATENATION", parts, shape, CHANNELS_LAST, ("ConcatenationOptions", {"Axis": axis}))


def _along(shape: Sequence[int], dim: int, size: int) -> tuple[int, ...]:
    return tuple(size if d == dim else n for d, n in enumerate(shape))


def reduce(lower: Lowerer, op: Op) -> None:
    fn = op.attrs["fn"]
    x = lower.input(op)
    dims = sorted(d % x.rank for d in op.attrs["dims"]) or list(range(x.rank))
    shape = lower.graph.shape(op.outputs[0])
    if fn in ("argmax", "argmin"):
        made = _position(lower, x, dims, shape)
    elif fn in ("var", "std"):
        made = variance(lower, x, mean(lower, x, dims), dims)
        made = table(lower, made) if fn == "std" else made
    elif fn == "norm":
        made = table(lower, total(lower, multiplied(lower, x, x), dims))
    elif fn == "logsumexp":
        made = table(lower, total(lower, table(lower, x), dims))
    elif fn in ("mean", "sum"):
        made = mean(lower, x, dims) if fn == "mean" else total(lower, x, dims)
    elif fn in EXTREMES and not any(lower.graph.consumers.get(t) for t in op.outputs[1:]):
        made = extreme(lower, *EXTREMES[fn], x, dims)
    else:
        raise Refusal(f"there is no operator for the reduction {fn!r}")
    lower.give(op.outputs[0], dropped(lower, made, shape))


EXTREMES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("max", "amax"), ("REDUCE_MAX", "MAXIMUM")),
    **dict.fromkeys(("min", "amin"), ("REDUCE_MIN", "MINIMUM")),
}
_FEW = 8
"""So many slices are summed one by one."""


def dropped(lower: Lowerer, value: Value, shape: Sequence[int]) -> Value:
    """The value under a shape that leaves dimensions of size 1 out."""
    sizes = [d for d in value.order if value.shape[d] != 1]
    kept = [d for d, n in enumerate(shape) if n != 1]
    rank = sorted(sizes)
    order = [kept[rank.index(d)] for d in sizes] if len(kept) == len(sizes) else None
    if order is None:
        return fitted(lower, value, tuple(shape))
    for d, n in enumerate(shape):
        if n == 1:
            order.insert(min(d, len(order)), d)
    return lower.viewed(value, shape, tuple(order))


def reduced(lower: Lowerer, code: str, x: Value, dims: Sequence[int]) -> Value:
    """A reduction that keeps its dimensions, of size 1."""
    shape = tuple(1 if d in dims else n for d, n in enumerate(x.shape))
    options = ("ReducerOptions", {"KeepDims": True})
    if x.rank > 4:
        sizes, axes = runs(x, dims)
        left = tuple(1 if i in axes else n for i, n in enumerate(sizes))
        made = lower.emit(code, [lower.viewed(x, sizes), lower.numbers(axes)], left, None, options)
        return lower.viewed(made, shape, x.order)
    axes = sorted(x.order.index(d) for d in dims)
    return lower.emit(code, [x, lower.numbers(axes)], shape, x.order, options)


def total(lower: Lowerer, x: Value, dims: Sequence[int]) -> Value:
    """The sum over ``dims``: of few slices one by one, over innermost dimensions by an operator, else as a mean.

    A mean is a sum of another scale, and scales are quantisation. The schema's sum over others is a copy by elements.
    """
    dims = [d for d in dims if x.shape[d] != 1]
    if not dims:
        return x
    if _are_few(x, dims):
        return _one_by_one(lower, "ADD", ("AddOptions", {}), x, dims[0])
    if _lie_inside(x, dims):
        return _innermost(lower, x, dims)
    return mean(lower, x, dims)


def extreme(lower: Lowerer, code: str, pairwise: str, x: Value, dims: Sequence[int]) -> Value:
    """The largest or smallest over ``dims``."""
    dims = [d for d in dims if x.shape[d] != 1]
    if dims and _are_few(x, dims):
        return _one_by_one(lower, pairwise, ("MaximumMinimumOptions", {}), x, dims[0])
    return reduced(lower, code, x, dims) if dims else x


def _are_few(x: Value, dims: Sequence[int]) -> bool:
    """Whether it is one dimension of few slices, each of which lies in one piece."""
    return len(dims) == 1 and x.shape[dims[0]] <= _FEW and not _lie_inside(x, dims)


def _lie_inside(x: Value, dims: Sequence[int]) -> bool:
    inner = [d for d in x.order if x.shape[d] != 1][-len(dims) :]
    return set(inner) == set(dims)


def _one_by_one(lower: Lowerer, code: str, options: tuple[str, dict[str, int]], x: Value, dim: int) -> Value:
    made, *others = (part(lower, x, dim, i, i + 1) for i in range(x.shape[dim]))
    for other in others:
        made = lower.emit(code, [made, other], made.shape, made.order, options)
    return made


def runs(x: Value, dims: Sequence[int]) -> tuple[list[int], list[int]]:
    """A value's sizes in memory with neighbours united that are both reduced or both kept, but for the innermost
    dimension, and which of them are reduced.
    """
    places = [d for d in x.order if x.shape[d] != 1]
    sizes: list[int] = []
    gone: list[bool] = []
    for d in places:
        if gone and gone[-1] == (d in dims) and d != places[-1]:
            sizes[-1] *= x.shape[d]
        else:
            sizes.append(x.shape[d])
            gone.append(d in dims)
    return [1, *sizes], [i + 1 for i, g in enumerate(gone) if g]


def mean(lower: Lowerer, x: Value, dims: Sequence[int]) -> Value:
    """The mean over ``dims``, which stay as size 1.

    Means over height and width have an operator. One over innermost dimensions is a sum with another scale of
    quantisation, as Arm's own exporter writes it: the schema's mean takes four to twelve times as long there.
    """
    dims = [d for d in dims if x.shape[d] != 1]
    if not dims:
        return x
    if _lie_inside(x, dims):
        return _innermost(lower, x, dims)
    if x.rank in (3, 4) and set(dims) <= set(x.order[1:-1]) and x.shape[x.order[0]] == 1:
        return reduced(lower, "MEAN", x, dims)
    return _innermost(lower, lower.arranged(x, with_last(x.order, dims)), list(dims))


def _innermost(lower: Lowerer, x: Value, dims: Sequence[int]) -> Value:
    """The sum, in whatever scale, over dimensions that lie innermost: over the rows of a matrix."""
    count = math.prod(x.shape[d] for d in dims)
    rows = math.prod(x.shape) // count
    flat = lower.viewed(x, (1, rows, count), plain(3))
    made = lower.emit("SUM", [flat, lower.numbers([2])], (1, rows, 1), None, ("ReducerOptions", {"KeepDims": True}))
    return lower.viewed(made, tuple(1 if d in dims else n for d, n in enumerate(x.shape)), x.order)


def variance(lower: Lowerer, x: Value, average: Value, dims: Sequence[int]) -> Value:
    """The mean of the squared distances from the average."""
    away = subtracted(lower, x, average)
    return mean(lower, multiplied(lower, away, away), dims)


def _position(lower: Lowerer, x: Value, dims: Sequence[int], shape: Sequence[int]) -> Value:
    if len(dims) != 1:
        raise Refusal("the position of an extreme over several dimensions")
    x = lower.arranged(x, with_last(x.order, dims))
    kept: Order = tuple(d for d in x.order if d not in dims)
    lies = tuple(sorted(kept).index(d) for d in kept)
    left = tuple(x.shape[d] for d in sorted(kept))
    options = ("ArgMaxOptions", {"OutputType": 2})
    made = lower.emit("ARG_MAX", [x, lower.numbers([x.rank - 1])], left, lies, options, "int32")
    return lower.viewed(made, shape, lies if len(lies) == len(shape) else None)
