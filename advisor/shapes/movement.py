"""Shape functions of operators that work element by element or move data."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import prod

from ..edit import MoveError
from ..graph import Op
from .change import Change, Shape, ShapeFunction, by, name, unknown
from .reshaping import blocks


def _elementwise(c: Change, op: Op) -> list[Shape]:
    return [c.broadcast(op, op.inputs)]


def _same(c: Change, op: Op) -> list[Shape]:
    return [c.shape(op.inputs[0])] * len(op.outputs)


def _reduce(c: Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    dims = {d % len(x) for d in op.attrs["dims"]} if op.attrs["dims"] else set(range(len(x)))
    if op.attrs["keepdim"]:
        out = tuple(1 if i in dims else n for i, n in enumerate(x))
    else:
        out = tuple(n for i, n in enumerate(x) if i not in dims)
    return [out] * len(op.outputs)


def _pixel_shuffle(c: Change, op: Op) -> list[Shape]:
    *lead, channels, h, w = c.shape(op.inputs[0])
    f = op.attrs["factor"]
    if channels % (f * f):
        raise MoveError(f"{name(op)}: {channels} channels are no multiple of {f * f}")
    return [(*lead, channels // (f * f), h * f, w * f)]


def _pixel_unshuffle(c: Change, op: Op) -> list[Shape]:
    *lead, channels, h, w = c.shape(op.inputs[0])
    f = op.attrs["factor"]
    if h % f or w % f:
        raise MoveError(f"{name(op)}: {h}×{w} is no multiple of {f}")
    return [(*lead, channels * f * f, h // f, w // f)]


def _channel_shuffle(c: Change, op: Op) -> list[Shape]:
    x, groups = c.shape(op.inputs[0]), op.attrs["groups"]
    if x[1] % groups:
        raise MoveError(f"{name(op)}: {x[1]} channels are no multiple of its {groups} groups")
    return [x]


def _concat(c: Change, op: Op) -> list[Shape]:
    at, first = op.attrs["dim"], c.shape(op.inputs[0])
    shapes = [c.shape(t) for t in op.inputs]
    if any((*s[:at], *s[at + 1 :]) != (*first[:at], *first[at + 1 :]) for s in shapes):
        raise MoveError(f"{name(op)} cannot concatenate {' and '.join(map(by, shapes))}")
    return [(*first[:at], sum(s[at] for s in shapes), *first[at + 1 :])]


def _stack(c: Change, op: Op) -> list[Shape]:
    at, first = op.attrs["dim"], c.shape(op.inputs[0])
    if any(c.shape(t) != first for t in op.inputs):
        raise MoveError(f"{name(op)} cannot stack {' and '.join(by(c.shape(t)) for t in op.inputs)}")
    return [(*first[:at], len(op.inputs), *first[at:])]


def _scaled(op: Op, n: int, old: int, new: int) -> int:
    """A border inside a dimension that grew or shrank."""
    if n * new % old:
        raise MoveError(f"{name(op)} cuts {old} at {n}, which has no counterpart in {new}")
    return n * new // old


def _split(c: Change, op: Op) -> list[Shape]:
    x, at = c.shape(op.inputs[0]), op.attrs["dim"]
    old = sum(op.attrs["sizes"])
    sizes = [_scaled(op, s, old, x[at]) for s in op.attrs["sizes"]]
    c.set_attr(op, "sizes", sizes)
    return [(*x[:at], s, *x[at + 1 :]) for s in sizes]


def _unbind(c: Change, op: Op) -> list[Shape]:
    x, at = c.shape(op.inputs[0]), op.attrs["dim"]
    if x[at] != len(op.outputs):
        raise MoveError(f"{name(op)} unpacks {len(op.outputs)} parts, not {x[at]}")
    return [(*x[:at], *x[at + 1 :])] * len(op.outputs)


def _slice(c: Change, op: Op) -> list[Shape]:
    x, was, index = c.shape(op.inputs[0]), c.was(op.inputs[0]), list(op.attrs["index"])
    if "tensor" in index:
        return unknown(c, op)
    if "ellipsis" in index:
        at = index.index("ellipsis")
        index[at : at + 1] = [None] * (len(x) - sum(i not in ("new", "ellipsis") for i in index))
    out: list[int] = []
    dim = 0
    for position, i in enumerate(index):
        if i == "new":
            out.append(1)
            continue
        if i is None:
            out.append(x[dim])
        elif not isinstance(i, int):
            index[position] = _range(op, i, was[dim], x[dim])
            out.append(len(range(*slice(*index[position]).indices(x[dim]))))
        dim += 1
    if index != list(op.attrs["index"]) and "ellipsis" not in op.attrs["index"]:
        c.set_attr(op, "index", index)
    return [(*out, *x[dim:])]


def _range(op: Op, bounds: Sequence[int | None], old: int, new: int) -> list[int | None]:
    """A range of a dimension that changed from ``old`` to ``new``: its end stays the end, inner borders scale."""
    start, stop, step = bounds
    if old == new:
        return list(bounds)
    if start is not None and start > 1:
        start = _scaled(op, start, old, new)
    if stop is not None and stop > 0:
        stop = new if stop >= old else stop if stop == 1 else _scaled(op, stop, old, new)
    return [start, stop, step]


def _reshape(c: Change, op: Op) -> list[Shape]:
    a, b, new = c.was(op.inputs[0]), c.was(op.outputs[0]), c.shape(op.inputs[0])
    if 0 in a or prod(a) != prod(b) or len(a) != len(new):
        return unknown(c, op)
    out: list[int] = []
    for here, there in blocks(a, b):
        sizes = _reshaped(b[there], Fraction(prod(new[here]), prod(a[here])), c)
        if sizes is None:
            raise MoveError(f"{name(op)}: {by(a)} became {by(b)}, which has no counterpart for {by(new)}")
        out.extend(sizes)
    return [tuple(out)]


def _reshaped(sizes: Sequence[int], ratio: Fraction, c: Change) -> list[int] | None:
    """``sizes`` with their product scaled by ``ratio``: as few of them as possible change, each by a ratio seen before.
    A changed channel count is found in the last (the first are heads or groups), a spatial one in the first."""
    if ratio == 1:
        return list(sizes)
    wide = [i for i, n in enumerate(sizes) if n > 1] or [0] * bool(sizes)
    steps = {Fraction(1), ratio, *c.ratios}
    found: list[tuple[int, tuple[int, ...], list[int]]] = []
    for factors in product(sorted(steps), repeat=len(wide)):
        if prod(factors) == ratio and all((f * sizes[i]).denominator == 1 for f, i in zip(factors, wide, strict=True)):
            moved = tuple(i for f, i in zip(factors, wide, strict=True) if f != 1)
            new = list(sizes)
            for f, i in zip(factors, wide, strict=True):
                new[i] = int(f * sizes[i])
            found.append((len(moved), moved if c.spatial else tuple(-i for i in moved), new))
    return min(found)[2] if found else None


def _permute(c: Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    return [tuple(x[d] for d in op.attrs["dims"])]


def _expand(c: Change, op: Op) -> list[Shape]:
    x, was, made = c.shape(op.inputs[0]), c.was(op.inputs[0]), c.was(op.outputs[0])
    if op.target.endswith("unfold") or len(op.outputs) != 1:
        return unknown(c, op)
    new = len(made) - len(was)
    return [(*made[:new], *(n if w == m else m for n, w, m in zip(x, was, made[new:], strict=True)))]


def _repeat(c: Change, op: Op) -> list[Shape]:
    repeats = op.attrs["repeats"]
    x = c.shape(op.inputs[0])
    return [tuple(n * r for n, r in zip((1,) * (len(repeats) - len(x)) + x, repeats, strict=True))]


def _same_padding(c: Change, op: Op) -> list[int]:
    """The padding amounts: TensorFlow's 'same' ones follow the size, where the next window shows that they are that."""
    pad, was, now = op.attrs["pad"], c.was(op.inputs[0]), c.shape(op.inputs[0])
    readers = c.graph.consumers.get(op.outputs[0], [])
    window = readers[0].attrs if len(readers) == 1 and readers[0].op in ("conv", "pool") else {}
    rank = len(window.get("kernel", ()))
    if not rank or len(pad) != 2 * rank or any(window["padding"]):
        return list(pad)

    def same(size: Sequence[int]) -> list[int]:
        out: list[int] = []
        for n, k, s, d in zip(size, window["kernel"], window["stride"], window["dilation"], strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            out = [total // 2, total - total // 2, *out]
        return out

    return same(now[-rank:]) if same(was[-rank:]) == list(pad) else list(pad)


def _pad(c: Change, op: Op) -> list[Shape]:
    x, pad = list(c.shape(op.inputs[0])), _same_padding(c, op)
    c.set_attr(op, "pad", pad)
    for i in range(len(pad) // 2):
        x[-1 - i] += pad[2 * i] + pad[2 * i + 1]
    return [tuple(x)]


TABLE: dict[str, ShapeFunction] = {
    "local_response_norm": _same,
    "softmax": _same,
    "elementwise": _elementwise,
    "reduce": _reduce,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "channel_shuffle": _channel_shuffle,
    "concat": _concat,
    "stack": _stack,
    "split": _split,
    "unbind": _unbind,
    "slice": _slice,
    "reshape": _reshape,
    "permute": _permute,
    "expand": _expand,
    "repeat": _repeat,
    "pad": _pad,
    "roll": _same,
    "flip": _same,
    "cast": _same,
    "copy": unknown,
    "identity": _same,
}
