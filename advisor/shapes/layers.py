"""Shape functions of operators with weights, of products and of sliding windows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from ..edit import MoveError
from ..graph import Op
from .change import Change, Shape, ShapeFunction, by, name, unknown


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


def _window_like(c: Change, op: Op, at: int) -> list[int]:
    """:func:`_window`, corrected by what an unchanged op was seen to do ('same' padding may be asymmetric)."""
    sizes = _window(op, c.shape(op.inputs[0])[at:])
    if op.key in c.changed:
        return sizes
    seen = c.was(op.outputs[0])[at:]
    formula = _window(op, c.was(op.inputs[0])[at:])
    return [n + s - f for n, s, f in zip(sizes, seen, formula, strict=True)]


def _conv(c: Change, op: Op) -> list[Shape]:
    if "weight" not in op.weights:
        return unknown(c, op)
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
        raise MoveError(f"{name(op)}: {channels} channels are no multiple of its {groups} groups")
    if op.attrs["transposed"]:
        c.resize(op, w, (channels, *weight[1:]))
        made = weight[1] * groups
    else:
        c.resize(op, w, (weight[0], channels // groups, *weight[2:]))
        made = weight[0]
    if made % groups:
        raise MoveError(f"{name(op)}: {made} output channels are no multiple of its {groups} groups")
    return [(*x[:at], made, *_window_like(c, op, at + 1))]


def _linear(c: Change, op: Op) -> list[Shape]:
    if "weight" not in op.weights:
        return unknown(c, op)
    x, w = c.shape(op.inputs[0]), op.weights["weight"]
    out = c.shape(w)[0]
    c.resize(op, w, (out, x[-1]))
    return [(*x[:-1], out)]


def _embedding(c: Change, op: Op) -> list[Shape]:
    if "weight" not in op.weights:
        return unknown(c, op)
    return [(*c.shape(op.inputs[0]), c.shape(op.weights["weight"])[1])]


def _rnn(c: Change, op: Op) -> list[Shape]:
    x, was = c.shape(op.inputs[0]), c.was(op.inputs[0])
    if x[-1] != was[-1]:
        for role, t in op.weights.items():
            if role.startswith("weight_ih") and not ("_l" in role and "_l0" not in role):
                c.resize(op, t, (c.shape(t)[0], x[-1]))
    made = c.shape(op.outputs[0])
    return [(*x[:-1], made[-1]), *(c.shape(t) for t in op.outputs[1:])]


def _norm_over_channels(c: Change, op: Op) -> list[Shape]:
    x, was = c.shape(op.inputs[0]), c.was(op.inputs[0])
    channels, old = x[1 if len(x) > 1 else 0], was[1 if len(was) > 1 else 0]
    if channels % op.attrs.get("groups", 1):
        raise MoveError(f"{name(op)}: {channels} channels are no multiple of its {op.attrs['groups']} groups")
    if channels != old:
        for t in op.weights.values():
            if c.shape(t) == (old,):
                c.resize(op, t, (channels,))
    return [x]


def _norm_over_last(c: Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    for t in op.weights.values():
        c.resize(op, t, x[len(x) - op.attrs["dims"] :])
    return [x]


def _activation(c: Change, op: Op) -> list[Shape]:
    x = c.shape(op.inputs[0])
    for t in op.weights.values():
        if c.shape(t) != (1,):
            c.resize(op, t, x[1:2])
    return [x]


def _matmul(c: Change, op: Op, inputs: Sequence[int] | None = None) -> list[Shape]:
    a, b = op.inputs[:2] if inputs is None else inputs
    x, y = c.shape(a), c.shape(b)
    if len(x) < 2 or len(y) < 2:
        return unknown(c, op)
    if x[-1] != y[-2]:
        follower, dim, size = (a, len(x) - 1, y[-2]) if x[-1] == c.was(a)[-1] else (b, len(y) - 2, x[-1])
        c.follow(op, follower, dim, size)
    return [(*c.broadcast(op, (a, b), 2), x[-2], y[-1])]


def _addmm(c: Change, op: Op) -> list[Shape]:
    return _matmul(c, op, op.inputs[1:3])


def _einsum(c: Change, op: Op) -> list[Shape]:
    equation = op.attrs["equation"].replace(" ", "")
    if "." in equation or "->" not in equation:
        return unknown(c, op)
    left, right = equation.split("->")
    sizes: dict[str, int] = {}
    for term, t in zip(left.split(","), op.inputs, strict=True):
        for letter, n in zip(term, c.shape(t), strict=True):
            if sizes.setdefault(letter, n) != n:
                raise MoveError(f"{name(op)}: dimension {letter} would be {sizes[letter]} and {n}")
    return [tuple(sizes[letter] for letter in right)]


def _attention(c: Change, op: Op) -> list[Shape]:
    q, k, v = (c.shape(t) for t in op.inputs[:3])
    if q[-1] != k[-1] or k[-2] != v[-2]:
        raise MoveError(f"{name(op)}: queries {by(q)}, keys {by(k)} and values {by(v)} do not fit")
    for mask in op.inputs[3:]:
        for at, size in ((-1, k[-2]), (-2, q[-2])):
            if c.shape(mask)[at] not in (1, size):
                c.follow(op, mask, len(c.shape(mask)) + at, size)
    return [(*q[:-1], v[-1])]


def _pool(c: Change, op: Op) -> list[Shape]:
    x, adaptive = c.shape(op.inputs[0]), op.attrs["adaptive"]
    if adaptive is not None:
        at = len(x) - len(adaptive)
        out = [n if fixed is None else fixed for fixed, n in zip(adaptive, x[at:], strict=True)]
    else:
        at = len(x) - len(op.attrs["kernel"])
        out = _window_like(c, op, at)
    return [(*x[:at], *out)] * len(op.outputs)


def _resize(c: Change, op: Op) -> list[Shape]:
    x, was, made = c.shape(op.inputs[0]), c.was(op.inputs[0]), c.was(op.outputs[0])
    scale = op.attrs["scale"]
    if scale is not None:
        return [(*x[:2], *(int(n * s) for n, s in zip(x[2:], scale, strict=True)))]
    size = _resize_to(c, op, made[2:])
    if size is None:
        size = tuple(n if w == n else int(n * Fraction(m, w)) for m, n, w in zip(made[2:], x[2:], was[2:], strict=True))
    c.set_attr(op, "size", list(size))
    return [(*x[:2], *size)]


def _resize_to(c: Change, op: Op, size: Shape) -> Shape | None:
    """The new size of what this op resizes to: a model input, or the tensor that its result meets next."""
    meets = [t for reader in c.graph.consumers.get(op.outputs[0], ()) for t in reader.inputs if t != op.outputs[0]]
    for t in (*meets, *c.graph.inputs):
        if len(c.was(t)) == len(size) + 2 and c.was(t)[2:] == size:
            return c.shape(t)[2:]
    return None if c.resolution else size


def _unfold(c: Change, op: Op) -> list[Shape]:
    n, channels, *size = c.shape(op.inputs[0])
    return [(n, channels * prod(op.attrs["kernel"]), prod(_window(op, size)))]


TABLE: dict[str, ShapeFunction] = {
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
    "layer_norm": _norm_over_last,
    "rms_norm": _norm_over_last,
    "activation": _activation,
    "pool": _pool,
    "resize": _resize,
    "unfold": _unfold,
}
