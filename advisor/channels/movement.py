"""Ties of operators that work element by element or move data."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..graph import Op
from ..shapes.reshaping import blocks
from .forms import ONE, Form, constant, joined, times
from .ties import Dims, Handler, Ties, reason


def _same(t: Ties, op: Op) -> list[Dims]:
    return [list(t.of(op.inputs[0])) for _ in op.outputs]


def _elementwise(t: Ties, op: Op) -> list[Dims]:
    return [t.broadcast(op, [t.of(i) for i in op.inputs])]


def _reduce(t: Ties, op: Op) -> list[Dims]:
    x = t.of(op.inputs[0])
    dims = {d % len(x) for d in op.attrs["dims"]} if op.attrs["dims"] else set(range(len(x)))
    if op.attrs["keepdim"]:
        out = [constant(1) if i in dims else f for i, f in enumerate(x)]
    else:
        out = [f for i, f in enumerate(x) if i not in dims]
    return [list(out) for _ in op.outputs]


def _pixel_shuffle(t: Ties, op: Op) -> list[Dims]:
    x, out, factor = t.of(op.inputs[0]), t.shape(op.outputs[0]), op.attrs["factor"]
    at = len(x) - 3
    return [[*x[:at], t.forms.divide(x[at], factor * factor, reason(op)), *map(constant, out[at + 1 :])]]


def _pixel_unshuffle(t: Ties, op: Op) -> list[Dims]:
    x, out, factor = t.of(op.inputs[0]), t.shape(op.outputs[0]), op.attrs["factor"]
    at = len(x) - 3
    return [[*x[:at], times(x[at], factor * factor), *map(constant, out[at + 1 :])]]


def _channel_shuffle(t: Ties, op: Op) -> list[Dims]:
    x, groups = t.of(op.inputs[0]), op.attrs["groups"]
    return [[x[0], times(t.forms.divide(x[1], groups, reason(op)), groups), *x[2:]]]


def _concat(t: Ties, op: Op) -> list[Dims]:
    parts, at = [t.of(i) for i in op.inputs], op.attrs["dim"]
    joint = joined([t.forms.resolve(p[at]) for p in parts])
    ones: list[Dims] = [[*p[:at], constant(1), *p[at + 1 :]] for p in parts]
    rest = t.broadcast(op, ones)
    return [[*rest[:at], joint, *rest[at + 1 :]]]


def _stack(t: Ties, op: Op) -> list[Dims]:
    rest, at = t.broadcast(op, [t.of(i) for i in op.inputs]), op.attrs["dim"]
    return [[*rest[:at], constant(len(op.inputs)), *rest[at:]]]


def _split(t: Ties, op: Op) -> list[Dims]:
    x, at, sizes = t.of(op.inputs[0]), op.attrs["dim"], op.attrs["sizes"]
    even = len(set(sizes)) == 1
    if even and (op.attrs["equal"] or not _clean(t, x[at], sizes)):
        pieces = [t.forms.divide(x[at], len(sizes), reason(op))] * len(sizes)
    else:
        pieces = t.forms.cut(x[at], sizes, reason(op))
    return [[*x[:at], piece, *x[at + 1 :]] for piece in pieces]


def _clean(t: Ties, form: Form, sizes: Sequence[int]) -> bool:
    """Whether the borders between ``sizes`` fall between segments."""
    form = t.forms.resolve(form)
    borders = {t.forms.width(form[:i]) for i in range(len(form) + 1)}
    return all(sum(sizes[:i]) in borders for i in range(len(sizes)))


def _unbind(t: Ties, op: Op) -> list[Dims]:
    x, at = t.of(op.inputs[0]), op.attrs["dim"]
    t.forms.pin(x[at], reason(op))
    return [[*x[:at], *x[at + 1 :]] for _ in op.outputs]


def _slice(t: Ties, op: Op) -> list[Dims] | None:
    x, index = t.of(op.inputs[0]), list(op.attrs["index"])
    if "tensor" in index:
        return None
    if "ellipsis" in index:
        at = index.index("ellipsis")
        index[at : at + 1] = [None] * (len(x) - sum(i not in ("new", "ellipsis") for i in index))
    out: Dims = []
    dim = 0
    for i in index:
        if i == "new":
            out.append(constant(1))
            continue
        if isinstance(i, int):
            t.forms.pin(x[dim], reason(op))
        else:
            out.append(x[dim] if i is None else _range(t, op, dim, x[dim], i))
        dim += 1
    return [[*out, *x[dim:]]]


def _range(t: Ties, op: Op, dim: int, form: Form, bounds: Sequence[int | None]) -> Form:
    total = t.forms.width(form)
    start, stop, step = slice(*bounds).indices(total)
    size = len(range(start, stop, step))
    if step != 1:
        t.forms.pin(form, reason(op))
        return constant(size)
    if size == total:
        return form
    sizes = [start, size, total - start - size]
    if size and not _clean(t, form, sizes) and total % size == 0 and start % size == 0:
        part = t.forms.divide(form, total // size, reason(op))  # x[:, : C // 2] and the like
        t.starts[op.key, dim] = times(part, start // size)
        return part
    before, piece, _ = t.forms.cut(form, sizes, reason(op))
    t.starts[op.key, dim] = before
    return piece


def _reshape(t: Ties, op: Op) -> list[Dims] | None:
    x, a, b = t.of(op.inputs[0]), t.shape(op.inputs[0]), t.shape(op.outputs[0])
    if 0 in a or prod(a) != prod(b):
        return None
    out: Dims = []
    for here, there in blocks(a, b):
        out.extend(_reshape_block(t, op, x[here], b[there]))
    return [out]


def _reshape_block(t: Ties, op: Op, forms: Dims, sizes: Sequence[int]) -> Dims:
    if len(forms) == len(sizes) == 1:
        return forms
    for f in forms:
        if t.forms.width(f) == 1:
            t.forms.pin(f, "it is one channel that a reshape takes for granted")
    free = [f for f in forms if t.forms.width(f) != 1 and any(v != ONE for v, _ in t.forms.resolve(f))]
    fixed = prod(t.forms.width(f) for f in forms if f not in free)
    wide = [i for i, n in enumerate(sizes) if n != 1]
    out = [constant(n) for n in sizes]
    if not free:
        return out
    if len(free) == 1 and len(wide) == 1:
        out[wide[0]] = times(free[0], fixed)
    elif len(free) == 1 and wide and fixed == 1:
        # One dimension becomes several: heads × head_dim, groups × channels a group. The last is the variable one.
        others = prod(sizes[i] for i in wide[:-1])
        out[wide[-1]] = t.forms.divide(free[0], others, reason(op))
    else:
        for f in free:
            t.forms.pin(f, reason(op))
    return out


def _permute(t: Ties, op: Op) -> list[Dims]:
    x = t.of(op.inputs[0])
    return [[x[d] for d in op.attrs["dims"]]]


def _expand(t: Ties, op: Op) -> list[Dims] | None:
    if op.target.endswith("unfold"):
        return None  # overlapping windows: the sizes do not say which dimension is which
    x, out = t.of(op.inputs[0]), t.shape(op.outputs[0])
    new = len(out) - len(x)
    dims = [constant(n) for n in out]
    for i, form in enumerate(x):
        if t.forms.width(form) == out[new + i]:
            dims[new + i] = form
    return [dims]


def _repeat(t: Ties, op: Op) -> list[Dims]:
    x, repeats = t.of(op.inputs[0]), op.attrs["repeats"]
    new = len(repeats) - len(x)
    return [[constant(r) if i < new else times(x[i - new], r) for i, r in enumerate(repeats)]]


def _pad(t: Ties, op: Op) -> list[Dims]:
    x = list(t.of(op.inputs[0]))
    pad = op.attrs["pad"]
    for i in range(len(pad) // 2):
        before, after = pad[2 * i], pad[2 * i + 1]
        if before < 0 or after < 0:
            t.forms.pin(x[-1 - i], reason(op))
            x[-1 - i] = constant(t.forms.width(x[-1 - i]) + before + after)
        elif before or after:
            parts = [constant(before)] * (before > 0) + [x[-1 - i]] + [constant(after)] * (after > 0)
            x[-1 - i] = joined([t.forms.resolve(p) for p in parts])
    return [x]


def _create(t: Ties, op: Op) -> list[Dims]:
    return [list(map(constant, t.shape(o))) for o in op.outputs]


TABLE: dict[str, Handler] = {
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
    "copy": _elementwise,
    "identity": _same,
    "create": _create,
}
"""``gather`` and ``other`` are missing: what they touch is pinned."""
