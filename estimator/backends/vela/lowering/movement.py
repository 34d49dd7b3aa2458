"""Views, and operators that only move data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.graph import Op

from ..layout import insert_ones, renamed, reshaped, stored
from .lowerer import Lowerer, Refusal, Value
from .windows import cropped

THROUGH = frozenset({"identity", "activation", "batch_norm", "copy", "cast"})
"""Ops between a flattening and its linear layer that do not care about the sequence of the elements."""


def reshape(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    shape = lower.graph.shape(op.outputs[0])
    needed, order = reshaped(x.shape, x.order, shape)
    if needed != x.order and len(shape) == 2 and _only_linear(lower, op.outputs[0]):
        # the linear layer's weights are laid out for the sequence that is there, as converters do
        lower.give(op.outputs[0], lower.viewed(x, shape))
        return
    lower.give(op.outputs[0], lower.viewed(lower.arranged(x, needed), shape, order))


def _only_linear(lower: Lowerer, tensor: int) -> bool:
    readers = lower.graph.consumers.get(tensor, [])
    if not readers or tensor in lower.graph.outputs:
        return False
    return all(o.op == "linear" or (o.op in THROUGH and _only_linear(lower, o.outputs[0])) for o in readers)


def permute(lower: Lowerer, op: Op) -> None:
    """Renames dimensions; the data stays until somebody needs it otherwise."""
    x = lower.input(op)
    dims = [d % x.rank for d in op.attrs["dims"]]
    lower.give(op.outputs[0], replace(x, shape=stored(x.shape, tuple(dims)), order=renamed(x.order, dims)))


def alias(lower: Lowerer, op: Op) -> None:
    """Ops that change nothing on the accelerator."""
    if len(op.inputs) != 1 or len(op.outputs) != 1:
        raise Refusal("a write into part of a tensor")
    value = lower.operand(op.inputs[0])
    want = lower.graph.tensors[op.outputs[0]]
    if value.dtype == "bool" and want.dtype.startswith(("float", "bfloat")):
        made = lower.emit(
            "CAST", [value], value.shape, value.order, ("CastOptions", {"InDataType": 6, "OutDataType": 9})
        )
        lower.give(op.outputs[0], made)
        return
    if value.shape != want.shape:
        raise Refusal(f"a copy of {value.shape} to {want.shape}")
    lower.give(op.outputs[0], value)


def concat(lower: Lowerer, op: Op) -> None:
    values = [lower.input(op, i) for i in range(len(op.inputs))]
    full = [v for v in values if v.rank == len(lower.graph.shape(op.outputs[0]))]  # an empty vector adds nothing
    lower.give(op.outputs[0], concatenated(lower, full, op.attrs["dim"]))


def concatenated(lower: Lowerer, values: Sequence[Value], dim: int) -> Value:
    """The values one behind the other along ``dim``, in the order that most elements lie in."""
    if len(values) == 1:
        return values[0]
    main = max((v for v in values), key=lambda v: (v.tensor is not None, _size(v)))
    parts = [lower.arranged(v, main.order) for v in values]
    shape = tuple(sum(v.shape[d] for v in parts) if d == dim else n for d, n in enumerate(main.shape))
    options = ("ConcatenationOptions", {"Axis": main.order.index(dim)})
    return lower.emit("CONCATENATION", parts, shape, main.order, options, main.dtype)


def _size(value: Value) -> int:
    total = 1
    for n in value.shape:
        total *= n
    return total


def stack(lower: Lowerer, op: Op) -> None:
    dim = op.attrs["dim"]
    parts = []
    for i in range(len(op.inputs)):
        x = lower.input(op, i)
        parts.append(_with_dimension(lower, x, dim))
    lower.give(op.outputs[0], concatenated(lower, parts, dim))


def _with_dimension(lower: Lowerer, x: Value, dim: int) -> Value:
    """The value with a new dimension of size 1."""
    shape = (*x.shape[:dim], 1, *x.shape[dim:])
    known = [d + (d >= dim) for d in x.order if x.shape[d] != 1]
    return lower.viewed(x, shape, insert_ones(shape, known))


def _without_dimension(lower: Lowerer, x: Value, dims: Sequence[int]) -> Value:
    """The value without these dimensions, which are of size 1."""
    left = [d for d in range(x.rank) if d not in dims]
    shape = tuple(x.shape[d] for d in left)
    known = [left.index(d) for d in x.order if d in left and x.shape[d] != 1]
    return lower.viewed(x, shape, insert_ones(shape, known))


def split(lower: Lowerer, op: Op) -> None:
    x, dim, at = lower.input(op), op.attrs["dim"], 0
    for tensor in op.outputs:
        shape = lower.graph.shape(tensor)
        if x.tensor is None or lower.graph.consumers.get(tensor) or tensor in lower.graph.outputs:
            lower.give(tensor, part(lower, x, dim, at, at + shape[dim]))
        at += shape[dim]


def unbind(lower: Lowerer, op: Op) -> None:
    x, dim = lower.input(op), op.attrs["dim"]
    for i, tensor in enumerate(op.outputs):
        if lower.graph.consumers.get(tensor) or tensor in lower.graph.outputs:
            lower.give(tensor, _without_dimension(lower, part(lower, x, dim, i, i + 1), [dim]))


def part(lower: Lowerer, x: Value, dim: int, start: int, stop: int) -> Value:
    """``x[start:stop]`` along one dimension."""
    shape = tuple(stop - start if d == dim else n for d, n in enumerate(x.shape))
    if x.tensor is None:
        return replace(x, shape=shape)
    return cropped(lower, x, [start if d == dim else 0 for d in range(x.rank)], shape)


def slice_(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    if len(op.inputs) != 1:
        raise Refusal("a subscript that is computed")
    starts, sizes, steps, gone, new, dim = [0] * x.rank, list(x.shape), [1] * x.rank, [], [], 0
    items = list(op.attrs["index"])
    for item in items:
        if item == "new":
            new.append(dim - len(gone) + len(new))
            continue
        if item in ("tensor", "ellipsis"):
            raise Refusal("a subscript by a tensor")
        if isinstance(item, int):
            starts[dim], sizes[dim] = item % x.shape[dim], 1
            gone.append(dim)
        elif item is not None:
            start, stop, steps[dim] = item
            starts[dim], sizes[dim] = start, len(range(start, stop, steps[dim]))
        dim += 1
    made = _strided(lower, x, starts, sizes, steps)
    made = _without_dimension(lower, made, gone) if gone else made
    for place in new:
        made = _with_dimension(lower, made, place)
    lower.give(op.outputs[0], made)


def _strided(lower: Lowerer, x: Value, starts: list[int], sizes: list[int], steps: list[int]) -> Value:
    if x.tensor is None:
        return replace(x, shape=tuple(sizes))
    if all(step == 1 for step in steps):
        return cropped(lower, x, starts, sizes)
    inner = [d for d in x.order if x.shape[d] != 1][-1:]
    for dim in inner:
        if steps[dim] > 1 and x.shape[dim] % steps[dim] == 0 and sizes[dim] == x.shape[dim] // steps[dim]:
            return _strided_inside(lower, x, dim, starts, sizes, steps)
    ends = [start + (size - 1) * step + 1 for start, size, step in zip(starts, sizes, steps, strict=True)]
    places = [lower.numbers(stored(v, x.order)) for v in (starts, ends, steps)]
    return lower.emit("STRIDED_SLICE", [x, *places], sizes, x.order, ("StridedSliceOptions", {}), x.dtype)


def _strided_inside(lower: Lowerer, x: Value, dim: int, starts: list[int], sizes: list[int], steps: list[int]) -> Value:
    """Steps along the innermost dimension, which the accelerator's slices cannot take: a slice of columns."""
    step = steps[dim]
    shape = (*x.shape[:dim], sizes[dim], step, *x.shape[dim + 1 :])
    order = [d + (d > dim) for d in x.order]
    order.insert(order.index(dim) + 1, dim + 1)
    cut = part(lower, lower.viewed(x, shape, tuple(order)), dim + 1, starts[dim], starts[dim] + 1)
    y = _without_dimension(lower, cut, [dim + 1])
    rest = [
        [0 if d == dim else v for d, v in enumerate(starts)],
        sizes,
        [1 if d == dim else v for d, v in enumerate(steps)],
    ]
    return _strided(lower, y, *rest)


def expand(lower: Lowerer, op: Op) -> None:
    """Repeats nothing by itself: operators that broadcast read the small tensor, others have it repeated."""
    if len(op.inputs) != 1 or len(op.outputs) != 1:
        raise Refusal("several tensors brought to one shape")
    value = lower.operand(op.inputs[0])
    shape = lower.graph.shape(op.outputs[0])
    full = (1,) * (len(shape) - value.rank) + value.shape
    if len(full) != len(shape) or any(have not in (1, want) for have, want in zip(full, shape, strict=True)):
        raise Refusal("a view of overlapping windows")
    known = [d + len(shape) - value.rank for d in value.order if value.shape[d] != 1]
    lower.values[op.outputs[0]] = lower.viewed(value, full, insert_ones(full, known))


def repeat(lower: Lowerer, op: Op) -> None:
    lower.give(op.outputs[0], lower.tiled(lower.input(op), lower.graph.shape(op.outputs[0])))


def pad(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    flat = op.attrs["pad"]
    pairs = {x.rank - 1 - i // 2: (flat[i], flat[i + 1]) for i in range(0, len(flat), 2)}
    for dim, (before, after) in pairs.items():
        if before < 0 or after < 0:
            x = part(lower, x, dim, max(0, -before), x.shape[dim] - max(0, -after))
    grown = {d: (max(0, b), max(0, a)) for d, (b, a) in pairs.items() if max(b, a) > 0}
    if grown:
        x = _extended(lower, x, grown, op.attrs["mode"])
    lower.give(op.outputs[0], x)


def _extended(lower: Lowerer, x: Value, grown: dict[int, tuple[int, int]], mode: str) -> Value:
    if mode in ("replicate", "circular"):
        for dim, (before, after) in grown.items():
            size = x.shape[dim]
            front, back = range(size - before, size), range(after)
            if mode == "replicate":
                front, back = [0] * before, [size - 1] * after
            parts = [[part(lower, x, dim, at, at + 1) for at in places] for places in (front, back)]
            x = concatenated(lower, [*parts[0], x, *parts[1]], dim)
        return x
    shape = tuple(n + sum(grown.get(d, (0, 0))) for d, n in enumerate(x.shape))
    sides = lower.table([grown.get(d, (0, 0)) for d in x.order])
    if mode == "reflect":
        return lower.emit("MIRROR_PAD", [x, sides], shape, x.order, ("MirrorPadOptions", {"Mode": 0}))
    return lower.emit("PAD", [x, sides], shape, x.order)


def roll(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    for shift, dim in zip(op.attrs["shifts"], op.attrs["dims"], strict=True):
        at = -shift % x.shape[dim]
        if at:
            x = concatenated(lower, [part(lower, x, dim, at, x.shape[dim]), part(lower, x, dim, 0, at)], dim)
    lower.give(op.outputs[0], x)


def flip(lower: Lowerer, op: Op) -> None:
    x = lower.input(op)
    for dim in op.attrs["dims"]:
        axes = lower.numbers([x.order.index(dim % x.rank)])
        x = lower.emit("REVERSE_V2", [x, axes], x.shape, x.order)
    lower.give(op.outputs[0], x)
