"""Shape propagation: what an edit does to every tensor downstream of it.

One small function an operator, pure on plain data. Reshapes carry concrete sizes, so their new result is derived from
how the traced input and output sizes relate. Weights that must follow (a linear after a flatten, a position embedding)
are resized; whatever cannot follow raises :class:`MoveError` with the operation's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from .edit import MoveError
from .graph import Graph, Op, Tensor
from .ties import blocks

Shape = tuple[int, ...]


def propagate(
    graph: Graph, ops: Iterable[int], before: Mapping[int, Tensor], *, spatial: bool = False, resolution: bool = False
) -> Graph:
    """``graph`` with every shape downstream of a change brought up to date.

    ``graph`` already holds the new attributes and weights of the changed ``ops`` and the new shapes of changed inputs;
    its activations still have the shapes of ``before`` (the unedited graph's tensors). With ``spatial`` the change is
    one of height and width, which decides how ambiguous reshapes follow. Unless it is about the input ``resolution``, a
    change that reaches a model output is refused. Raises :class:`MoveError`.
    """
    change = _Change(graph, set(ops), before, spatial or resolution, resolution)
    new_ops = list(graph.ops)
    dirty = change.dirty
    for i, op in enumerate(new_ops):
        if op.key in change.changed or not dirty.isdisjoint(op.inputs):
            new_ops[i] = change.visit(op)
    for t in graph.outputs:
        if t in dirty and not resolution:
            old, new = before[t].shape, change.tensors[t].shape
            raise MoveError(f"the model's output would change from {_by(old)} to {_by(new)}")
    return graph.replace(ops=new_ops, tensors=change.tensors)


def _by(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "a scalar"


class _Change:
    """One propagation under way: new shapes by tensor, and what they were."""

    def __init__(
        self, graph: Graph, changed: set[int], before: Mapping[int, Tensor], spatial: bool, resolution: bool
    ) -> None:
        self.graph = graph
        self.changed = changed
        self.before = before
        self.spatial = spatial
        self.resolution = resolution
        self.tensors = dict(graph.tensors)
        self.dirty: set[int] = {t for t in graph.inputs if graph.tensors[t].shape != before[t].shape}
        self.ratios: set[Fraction] = set()
        for t in self.dirty:
            self.note(before[t].shape, graph.tensors[t].shape)
        self._attrs: dict[str, Any] = {}

    def visit(self, op: Op) -> Op:
        """Set the shapes of what ``op`` makes; returns it, with new attributes where they follow."""
        self._attrs = {}
        shapes = SHAPES.get(op.op, _unknown)(self, op)
        for t, shape in zip(op.outputs, shapes, strict=True):
            if shape != self.was(t):
                if any(n < 1 for n in shape):
                    raise MoveError(f"{_name(op)} would make an empty tensor, {_by(shape)}")
                self.note(self.was(t), shape)
                self.tensors[t] = self.tensors[t]._replace(shape=shape)
                self.dirty.add(t)
        return replace(op, attrs={**op.attrs, **self._attrs}) if self._attrs else op

    def note(self, old: Shape, new: Shape) -> None:
        """Remember by which ratios dimensions changed: reshapes downstream follow them."""
        if len(old) == len(new):
            self.ratios.update(Fraction(n, o) for n, o in zip(new, old, strict=True) if n != o and o)

    def was(self, tensor: int) -> Shape:
        return self.before.get(tensor, self.graph.tensors[tensor]).shape

    def shape(self, tensor: int) -> Shape:
        return self.tensors[tensor].shape

    def set_attr(self, op: Op, key: str, value: Any) -> None:
        if op.attrs[key] != value:
            self._attrs[key] = value

    def resize(self, op: Op, tensor: int, shape: Shape) -> None:
        """Let a weight follow; one that another call reads too cannot."""
        if self.tensors[tensor].shape != shape:
            if len(self.graph.weight_readers.get(tensor, ())) > 1:
                raise MoveError(f"{_name(op)} shares its weights with a call that does not change")
            self.tensors[tensor] = self.tensors[tensor]._replace(shape=shape)

    def follow(self, op: Op, tensor: int, dim: int, size: int) -> None:
        """Let a tensor that no model input decides (a parameter, buffer, expanded or created one) change its size."""
        shape = self.shape(tensor)
        maker = self.graph.producer.get(tensor)
        if maker is not None and not (maker.op == "create" or (maker.op == "expand" and self.was(tensor)[dim] != 1)):
            raise MoveError(f"{_name(op)} cannot combine {' and '.join(_by(self.shape(t)) for t in op.inputs)}")
        self.tensors[tensor] = self.tensors[tensor]._replace(shape=(*shape[:dim], size, *shape[dim + 1 :]))


def _name(op: Op) -> str:
    return f"{op.target} in {op.path}" if op.path else op.target


# ---- operators with weights


def _window(op: Op, size: Sequence[int]) -> list[int]:
    """Output sizes of a sliding window over ``size`` (torch's documented formulas)."""
    a = op.attrs
    out = []
    for i, n in enumerate(size):
        k, s, p, d = a["kernel"][i], a["stride"][i], a["padding"][i], a["dilation"][i]
        if a.get("transposed"):
            out.append((n - 1) * s - 2 * p + d * (k - 1) + a["output_padding"][i] + 1)
            continue
        span = n + 2 * p - d * (k - 1) - 1
        steps = -(-span // s) + 1 if a.get("ceil") else span // s + 1
        if a.get("ceil") and (steps - 1) * s >= n + p:
            steps -= 1  # the last window must start inside the input or its left padding
        out.append(steps)
    return out


def _window_like(c: _Change, op: Op, at: int) -> list[int]:
    """:func:`_window`, corrected by what an unchanged op was seen to do ('same' padding may be asymmetric)."""
    sizes = _window(op, c.shape(op.inputs[0])[at:])
    if op.key in c.changed:
        return sizes
    seen = c.was(op.outputs[0])[at:]
    formula = _window(op, c.was(op.inputs[0])[at:])
    return [n + s - f for n, s, f in zip(sizes, seen, formula, strict=True)]


def _conv(c: _Change, op: Op) -> list[Shape]:
    if "weight" not in op.weights:
        return _unknown(c, op)
    x, was = c.shape(op.inputs[0]), c.was(op.inputs[0])
    at = len(x) - len(op.attrs["kernel"]) - 1
    channels, groups = x[at], op.attrs["groups"]
    w = op.weights["weight"]
    weight = c.shape(w)
    if channels != was[at] and groups == was[at] and groups > 1:
        each = weight[0] // groups
        groups = channels
        c.set_attr(op, "groups", groups)
        weight = (channels * each, *weight[1:])
        c.resize(op, w, weight)
        if "bias" in op.weights:
            c.resize(op, op.weights["bias"], weight[:1])
    if channels % groups:
        raise MoveError(f"{_name(op)}: {channels} channels are no multiple of its {groups} groups")
    if op.attrs["transposed"]:
        c.resize(op, w, (channels, *weight[1:]))
        made = weight[1] * groups
    else:
        c.resize(op, w, (weight[0], channels // groups, *weight[2:]))
        made = weight[0]
    if made % groups:
        raise MoveError(f"{_name(op)}: {made} output channels are no multiple of its {groups} groups")
    return [(*x[:at], made, *_window_like(c, op, at + 1))]


def _linear(c: _Change, op: Op) -> list[Shape]:
    if "weight" not in op.weights:
        return _unknown(c, op)
    x, w = c.shape(op.inputs[0]), op.weights["weight"]
    out = c.shape(w)[0]
    c.resize(op, w, (out, x[-1]))
    return [(*x[:-1], out)]


def _embedding(c: _Change, op: Op) -> list[Shape]:
    if "weight" not in op.weights:
        return _unknown(c, op)
    return [(*c.shape(op.inputs[0]), c.shape(op.weights["weight"])[1])]


def _rnn(c: _Change, op: Op) -> list[Shape]:
    x, was = c.shape(op.inputs[0]), c.was(op.inputs[0])
    if x[-1] != was[-1]:
        for role, t in op.weights.items():
            if role.startswith("weight_ih") and not ("_l" in role and "_l0" not in role):
                c.resize(op, t, (c.shape(t)[0], x[-1]))
    made = c.shape(op.outputs[0])
    return [(*x[:-1], made[-1]), *(c.shape(t) for t in op.outputs[1:])]


def _norm_over_channels(c: _Change, op: Op) -> list[Shape]:
    x, was = c.shape(op.inputs[0]), c.was(op.inputs[0])
    channels, old = x[1 if len(x) > 1 else 0], was[1 if len(was) > 1 else 0]
    if channels % op.attrs.get("groups", 1):
        raise MoveError(f"{_name(op)}: {channels} channels are no multiple of its {op.attrs['groups']} groups")
    if channels != old:
        for t in op.weights.values():
            if c.shape(t) == (old,):
                c.resize(op, t, (channels,))
    return [x]


def _norm_over_last(c: _Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    for t in op.weights.values():
        c.resize(op, t, x[len(x) - op.attrs["dims"] :])
    return [x]


def _activation(c: _Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    for t in op.weights.values():
        if c.shape(t) != (1,):
            c.resize(op, t, x[1:2])
    return [x]


# ---- products and element-wise operators


def _broadcast(c: _Change, op: Op, tensors: Sequence[int], trailing: int = 0) -> Shape:
    """The broadcast shape of the tensors' dimensions but the last ``trailing``."""
    rank = max(len(c.shape(t)) for t in tensors) - trailing
    for i in range(-rank, 0):
        at = i - trailing
        sizes = {t: c.shape(t)[at] for t in tensors if len(c.shape(t)) >= -at}
        if len({n for n in sizes.values() if n != 1}) > 1:
            moved = {n for t, n in sizes.items() if n != c.was(t)[at] and n != 1}
            if len(moved) != 1:
                raise MoveError(f"{_name(op)} cannot combine {' and '.join(_by(c.shape(t)) for t in tensors)}")
            (size,) = moved
            for t, n in sizes.items():
                if n not in (1, size):
                    c.follow(op, t, len(c.shape(t)) + at, size)
    shapes = [(1,) * (rank + trailing - len(s)) + s for s in map(c.shape, tensors)]
    return tuple(max(s[i] for s in shapes) for i in range(rank))


def _elementwise(c: _Change, op: Op) -> list[Shape]:
    return [_broadcast(c, op, op.inputs)]


def _matmul(c: _Change, op: Op, inputs: Sequence[int] | None = None) -> list[Shape]:
    a, b = op.inputs[:2] if inputs is None else inputs
    x, y = c.shape(a), c.shape(b)
    if len(x) < 2 or len(y) < 2:
        return _unknown(c, op)
    if x[-1] != y[-2]:
        follower, dim, size = (a, len(x) - 1, y[-2]) if x[-1] == c.was(a)[-1] else (b, len(y) - 2, x[-1])
        c.follow(op, follower, dim, size)
    return [(*_broadcast(c, op, (a, b), 2), x[-2], y[-1])]


def _addmm(c: _Change, op: Op) -> list[Shape]:
    return _matmul(c, op, op.inputs[1:3])


def _einsum(c: _Change, op: Op) -> list[Shape]:
    equation = op.attrs["equation"].replace(" ", "")
    if "." in equation or "->" not in equation:
        return _unknown(c, op)
    left, right = equation.split("->")
    sizes: dict[str, int] = {}
    for term, t in zip(left.split(","), op.inputs, strict=True):
        for letter, n in zip(term, c.shape(t), strict=True):
            if sizes.setdefault(letter, n) != n:
                raise MoveError(f"{_name(op)}: dimension {letter} would be {sizes[letter]} and {n}")
    return [tuple(sizes[letter] for letter in right)]


def _attention(c: _Change, op: Op) -> list[Shape]:
    q, k, v = (c.shape(t) for t in op.inputs[:3])
    if q[-1] != k[-1] or k[-2] != v[-2]:
        raise MoveError(f"{_name(op)}: queries {_by(q)}, keys {_by(k)} and values {_by(v)} do not fit")
    for mask in op.inputs[3:]:
        for at, size in ((-1, k[-2]), (-2, q[-2])):
            if c.shape(mask)[at] not in (1, size):
                c.follow(op, mask, len(c.shape(mask)) + at, size)
    return [(*q[:-1], v[-1])]


# ---- windows and reductions


def _pool(c: _Change, op: Op) -> list[Shape]:
    x, adaptive = c.shape(op.inputs[0]), op.attrs["adaptive"]
    if adaptive is not None:
        at = len(x) - len(adaptive)
        out = [n if fixed is None else fixed for fixed, n in zip(adaptive, x[at:], strict=True)]
    else:
        at = len(x) - len(op.attrs["kernel"])
        out = _window_like(c, op, at)
    return [(*x[:at], *out)] * len(op.outputs)


def _reduce(c: _Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    dims = {d % len(x) for d in op.attrs["dims"]} if op.attrs["dims"] else set(range(len(x)))
    if op.attrs["keepdim"]:
        out = tuple(1 if i in dims else n for i, n in enumerate(x))
    else:
        out = tuple(n for i, n in enumerate(x) if i not in dims)
    return [out] * len(op.outputs)


def _resize(c: _Change, op: Op) -> list[Shape]:
    x, was, made = c.shape(op.inputs[0]), c.was(op.inputs[0]), c.was(op.outputs[0])
    scale = op.attrs["scale"]
    if scale is not None:
        return [(*x[:2], *(int(n * s) for n, s in zip(x[2:], scale, strict=True)))]
    size = _resize_to(c, op, made[2:])
    if size is None:
        size = tuple(n if w == n else int(n * Fraction(m, w)) for m, n, w in zip(made[2:], x[2:], was[2:], strict=True))
    c.set_attr(op, "size", list(size))
    return [(*x[:2], *size)]


def _resize_to(c: _Change, op: Op, size: Shape) -> Shape | None:
    """The new size of what this op resizes to: a model input, or the tensor that its result meets next."""
    meets = [t for reader in c.graph.consumers.get(op.outputs[0], ()) for t in reader.inputs if t != op.outputs[0]]
    for t in (*meets, *c.graph.inputs):
        if len(c.was(t)) == len(size) + 2 and c.was(t)[2:] == size:
            return c.shape(t)[2:]
    return None if c.resolution else size


def _unfold(c: _Change, op: Op) -> list[Shape]:
    n, channels, *size = c.shape(op.inputs[0])
    return [(n, channels * prod(op.attrs["kernel"]), prod(_window(op, size)))]


# ---- moving data


def _same(c: _Change, op: Op) -> list[Shape]:
    return [c.shape(op.inputs[0])] * len(op.outputs)


def _pixel_shuffle(c: _Change, op: Op) -> list[Shape]:
    *lead, channels, h, w = c.shape(op.inputs[0])
    f = op.attrs["factor"]
    if channels % (f * f):
        raise MoveError(f"{_name(op)}: {channels} channels are no multiple of {f * f}")
    return [(*lead, channels // (f * f), h * f, w * f)]


def _pixel_unshuffle(c: _Change, op: Op) -> list[Shape]:
    *lead, channels, h, w = c.shape(op.inputs[0])
    f = op.attrs["factor"]
    if h % f or w % f:
        raise MoveError(f"{_name(op)}: {h}×{w} is no multiple of {f}")
    return [(*lead, channels * f * f, h // f, w // f)]


def _channel_shuffle(c: _Change, op: Op) -> list[Shape]:
    x, groups = c.shape(op.inputs[0]), op.attrs["groups"]
    if x[1] % groups:
        raise MoveError(f"{_name(op)}: {x[1]} channels are no multiple of its {groups} groups")
    return [x]


def _concat(c: _Change, op: Op) -> list[Shape]:
    at, first = op.attrs["dim"], c.shape(op.inputs[0])
    shapes = [c.shape(t) for t in op.inputs]
    if any((*s[:at], *s[at + 1 :]) != (*first[:at], *first[at + 1 :]) for s in shapes):
        raise MoveError(f"{_name(op)} cannot concatenate {' and '.join(map(_by, shapes))}")
    return [(*first[:at], sum(s[at] for s in shapes), *first[at + 1 :])]


def _stack(c: _Change, op: Op) -> list[Shape]:
    at, first = op.attrs["dim"], c.shape(op.inputs[0])
    if any(c.shape(t) != first for t in op.inputs):
        raise MoveError(f"{_name(op)} cannot stack {' and '.join(_by(c.shape(t)) for t in op.inputs)}")
    return [(*first[:at], len(op.inputs), *first[at:])]


def _scaled(op: Op, n: int, old: int, new: int) -> int:
    """A border inside a dimension that grew or shrank."""
    if n * new % old:
        raise MoveError(f"{_name(op)} cuts {old} at {n}, which has no counterpart in {new}")
    return n * new // old


def _split(c: _Change, op: Op) -> list[Shape]:
    x, at = c.shape(op.inputs[0]), op.attrs["dim"]
    old = sum(op.attrs["sizes"])
    sizes = [_scaled(op, s, old, x[at]) for s in op.attrs["sizes"]]
    c.set_attr(op, "sizes", sizes)
    return [(*x[:at], s, *x[at + 1 :]) for s in sizes]


def _unbind(c: _Change, op: Op) -> list[Shape]:
    x, at = c.shape(op.inputs[0]), op.attrs["dim"]
    if x[at] != len(op.outputs):
        raise MoveError(f"{_name(op)} unpacks {len(op.outputs)} parts, not {x[at]}")
    return [(*x[:at], *x[at + 1 :])] * len(op.outputs)


def _slice(c: _Change, op: Op) -> list[Shape]:
    x, was, index = c.shape(op.inputs[0]), c.was(op.inputs[0]), list(op.attrs["index"])
    if "tensor" in index:
        return _unknown(c, op)
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


def _reshape(c: _Change, op: Op) -> list[Shape]:
    a, b, new = c.was(op.inputs[0]), c.was(op.outputs[0]), c.shape(op.inputs[0])
    if 0 in a or prod(a) != prod(b) or len(a) != len(new):
        return _unknown(c, op)
    out: list[int] = []
    for here, there in blocks(a, b):
        sizes = _reshaped(b[there], Fraction(prod(new[here]), prod(a[here])), c)
        if sizes is None:
            raise MoveError(f"{_name(op)}: {_by(a)} became {_by(b)}, which has no counterpart for {_by(new)}")
        out.extend(sizes)
    return [tuple(out)]


def _reshaped(sizes: Sequence[int], ratio: Fraction, c: _Change) -> list[int] | None:
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


def _permute(c: _Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    return [tuple(x[d] for d in op.attrs["dims"])]


def _expand(c: _Change, op: Op) -> list[Shape]:
    x, was, made = c.shape(op.inputs[0]), c.was(op.inputs[0]), c.was(op.outputs[0])
    if op.target.endswith("unfold") or len(op.outputs) != 1:
        return _unknown(c, op)
    new = len(made) - len(was)
    return [(*made[:new], *(n if w == m else m for n, w, m in zip(x, was, made[new:], strict=True)))]


def _repeat(c: _Change, op: Op) -> list[Shape]:
    repeats = op.attrs["repeats"]
    x = c.shape(op.inputs[0])
    return [tuple(n * r for n, r in zip((1,) * (len(repeats) - len(x)) + x, repeats, strict=True))]


def _pad(c: _Change, op: Op) -> list[Shape]:
    x, pad = list(c.shape(op.inputs[0])), op.attrs["pad"]
    for i in range(len(pad) // 2):
        x[-1 - i] += pad[2 * i] + pad[2 * i + 1]
    return [tuple(x)]


def _unknown(c: _Change, op: Op) -> list[Shape]:
    """An operator without a shape function: it may only make what it reads the shape of."""
    shapes: list[Shape] = []
    for made in (c.was(t) for t in op.outputs):
        like = next((t for t in op.inputs if c.was(t) == made), None)
        if like is None:
            raise MoveError(f"what {_name(op)} makes of other shapes is not known")
        shapes.append(c.shape(like))
    return shapes


SHAPES: dict[str, Callable[[_Change, Op], list[Shape]]] = {
    "conv": _conv,
    "linear": _linear,
    "embedding": _embedding,
    "rnn": _rnn,
    "matmul": _matmul,
    "addmm": _addmm,
    "einsum": _einsum,
    "attention": _attention,
    "batch_norm": _norm_over_channels,
    "group_norm": _norm_over_channels,
    "instance_norm": _norm_over_channels,
    "local_response_norm": _same,
    "layer_norm": _norm_over_last,
    "rms_norm": _norm_over_last,
    "activation": _activation,
    "softmax": _same,
    "elementwise": _elementwise,
    "pool": _pool,
    "reduce": _reduce,
    "resize": _resize,
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
    "unfold": _unfold,
    "cast": _same,
    "copy": _unknown,
    "identity": _same,
}
"""Operator → its shape function. ``create`` reads nothing, ``gather`` and ``other`` are unknown."""
