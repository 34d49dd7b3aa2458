"""How each operator ties the dimensions of what it reads to those of what it makes.

One small function an operator, over :class:`advisor.forms.Forms`: weights introduce variables, element-wise operators
unify, concatenation joins, splits cut. What an operator's function cannot explain (its forms do not add up to the
traced shape) is pinned, as is everything that an unknown operator touches: wrong freedom would yield broken models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from .forms import ONE, Form, Forms, constant, joined, times
from .graph import Graph, Op

Dims = list[Form]


class Ties:
    """The forms of every tensor's dimensions, built op by op in execution order."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.forms = Forms()
        self.dims: dict[int, Dims] = {}
        self.starts: dict[tuple[int, int], Form] = {}
        """(slice op, input dimension) → the form of what lies before the slice."""
        for op in graph.ops:
            handler = HANDLERS.get(op.op)
            made = handler(self, op) if handler is not None else None
            self._settle(op, made)
        for t in graph.outputs:
            for form in self.of(t):
                self.forms.pin(form, "it is a dimension of the model's output")

    def of(self, tensor: int) -> Dims:
        """The dimensions of a tensor; a parameter read as a plain input gets variables of its own."""
        dims = self.dims.get(tensor)
        if dims is None:
            spec = self.graph.tensors[tensor]
            free = spec.role == "parameter"
            dims = [self.forms.new(n) if free and n > 1 else ((ONE, n),) for n in spec.shape]
            self.dims[tensor] = dims
        return dims

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.graph.tensors[tensor].shape

    def weight(self, op: Op, role: str, dims: Sequence[Form]) -> None:
        """The weight's dimensions are these; a weight that another call reads too ties both calls."""
        t = op.weights.get(role)
        if t is None:
            return
        if t in self.dims:
            for a, b in zip(self.dims[t], dims, strict=False):
                self.forms.unify(a, b, reason(op))
        elif len(dims) == len(self.shape(t)):
            self.dims[t] = list(dims)

    def pin_all(self, op: Op) -> None:
        for t in (*op.inputs, *op.weights.values()):
            for form in self.of(t):
                self.forms.pin(form, reason(op))

    def _settle(self, op: Op, made: Sequence[Dims] | None) -> None:
        """Take the handler's word where it adds up to the traced shapes."""
        width = self.forms.width
        if made is None or len(made) != len(op.outputs):
            self.pin_all(op)
            made = [[] for _ in op.outputs]
        for t, dims in zip(op.outputs, made, strict=True):
            shape = self.shape(t)
            if len(dims) == len(shape) and all(width(f) == n for f, n in zip(dims, shape, strict=True)):
                self.dims[t] = dims
            else:
                self.pin_all(op)
                for form in dims:
                    self.forms.pin(form, reason(op))
                self.dims[t] = [constant(n) for n in shape]


def reason(op: Op) -> str:
    return f"{op.path or 'the model'} ({op.target.rpartition('.')[2]}) fixes it"


# ---- operators with weights


def _conv(t: Ties, op: Op) -> list[Dims] | None:
    if "weight" not in op.weights:
        return None  # the forward computed its weight
    x, out = t.of(op.inputs[0]), t.shape(op.outputs[0])
    at = len(x) - len(op.attrs["kernel"]) - 1
    groups, made = op.attrs["groups"], out[at]
    if groups == 1:
        read, per_group = x[at], x[at]
        channels = _made_by(t, op, made)
    elif groups == t.forms.width(x[at]):
        channels = times(x[at], made // groups)
        per_group = constant(1)
    else:
        read = t.forms.multiple(x[at], groups, reason(op))
        per_group = _share(t, read, groups)
        # As many outputs as inputs: in every architecture we know one number sets both.
        channels = read if t.forms.width(read) == made else times(t.forms.new(made // groups), groups)
    kernel = [constant(k) for k in op.attrs["kernel"]]
    if op.attrs["transposed"]:
        t.weight(op, "weight", [x[at], _share(t, channels, groups), *kernel])
    else:
        t.weight(op, "weight", [channels, per_group, *kernel])
    t.weight(op, "bias", [channels])
    return [[*x[:at], channels, *_slid(t, op, x[at + 1 :], out[at + 1 :])]]


def _slid(t: Ties, op: Op, forms: Sequence[Form], sizes: Sequence[int]) -> Dims:
    """Dimensions that windows slide over. They are constants as a rule; channels may lie there too (a convolution over
    tokens, efficient channel attention) and stay free where the window keeps any size."""
    a = op.attrs
    out: Dims = []
    for i, (form, n) in enumerate(zip(forms, sizes, strict=True)):
        free = any(v != ONE for v, _ in t.forms.resolve(form))
        if free and not a.get("transposed") and not a.get("adaptive") and a["stride"][i] == 1:
            free = 2 * a["padding"][i] != a["dilation"][i] * (a["kernel"][i] - 1)
            out.append(constant(n) if free else form)
        else:
            out.append(constant(n))
        if free:
            t.forms.pin(form, reason(op))
    return out


def _made_by(t: Ties, op: Op, size: int) -> Form:
    """The channels that a weight makes: a variable of its own, unless the weight is shared."""
    w = op.weights["weight"]
    if w in t.dims:
        return t.dims[w][1 if op.attrs.get("transposed") else 0]
    return t.forms.new(size)


def _share(t: Ties, form: Form, groups: int) -> Form:
    """``form / groups`` where every segment is a multiple of ``groups``."""
    form = t.forms.resolve(form)
    if groups == 1:
        return form
    if all(c % groups == 0 for _, c in form):
        return tuple((v, c // groups) for v, c in form)
    return constant(t.forms.width(form) // groups)


def _linear(t: Ties, op: Op) -> list[Dims] | None:
    if "weight" not in op.weights:
        return None
    x = t.of(op.inputs[0])
    out = _made_by(t, op, t.shape(op.outputs[0])[-1])
    t.weight(op, "weight", [out, x[-1]])
    t.weight(op, "bias", [out])
    return [[*x[:-1], out]]


def _embedding(t: Ties, op: Op) -> list[Dims] | None:
    if "weight" not in op.weights:
        return None
    x, w = t.of(op.inputs[0]), op.weights["weight"]
    rows, width = t.shape(w)
    t.weight(op, "weight", [constant(rows), t.dims[w][1] if w in t.dims else t.forms.new(width)])
    return [[*x, t.dims[w][1]]]


def _rnn(t: Ties, op: Op) -> list[Dims] | None:
    a = op.attrs
    if a["projection"]:
        return None
    directions = 2 if a["bidirectional"] else 1
    hidden = t.forms.new(a["hidden"])
    gates = times(hidden, {"lstm": 4, "gru": 3}.get(a["kind"], 1))
    made = times(hidden, directions)
    x = t.of(op.inputs[0])
    for role in op.weights:
        layer_input = made if "_l" in role and "_l0" not in role else x[-1]
        if role.startswith("weight_ih"):
            t.weight(op, role, [gates, layer_input])
        elif role.startswith("weight_hh"):
            t.weight(op, role, [gates, hidden])
        else:
            t.weight(op, role, [gates])
    for state in op.inputs[1:]:
        t.forms.unify(t.of(state)[-1], hidden, reason(op))
    states = [[*map(constant, t.shape(s)[:-1]), hidden] for s in op.outputs[1:]]
    return [[*x[:-1], made], *states]


def _norm_over_channels(t: Ties, op: Op) -> list[Dims]:
    x = t.of(op.inputs[0])
    channels = x[1] if len(x) > 1 else x[0]
    if op.op == "group_norm":
        channels = t.forms.multiple(channels, op.attrs["groups"], reason(op))
    for role in op.weights:
        t.weight(op, role, [channels])
    return [list(x)]


def _norm_over_last(t: Ties, op: Op) -> list[Dims]:
    x = t.of(op.inputs[0])
    for role in op.weights:
        t.weight(op, role, x[len(x) - op.attrs["dims"] :])
    return [list(x)]


def _activation(t: Ties, op: Op) -> list[Dims]:
    x = t.of(op.inputs[0])
    for role, w in op.weights.items():
        t.weight(op, role, [x[1] if t.shape(w) != (1,) else constant(1)])
    return [list(x)]


# ---- products


def _broadcast(t: Ties, op: Op, tensors: Sequence[Dims]) -> Dims:
    """The common dimensions of tensors that broadcast, aligned at the right."""
    rank = max(map(len, tensors))
    out: Dims = []
    for i in range(rank):
        forms = [d[i - rank + len(d)] for d in tensors if i - rank + len(d) >= 0]
        wide = [f for f in forms if t.forms.width(f) != 1]
        for f in forms:
            if wide and t.forms.width(f) == 1:
                t.forms.pin(f, "it is one channel that broadcasts")
        for f in (wide or forms)[1:]:
            t.forms.unify((wide or forms)[0], f, reason(op))
        out.append((wide or forms)[0])
    return out


def _matmul(t: Ties, op: Op) -> list[Dims] | None:
    a, b = (t.of(i) for i in op.inputs[:2])
    return _product(t, op, a, b)


def _product(t: Ties, op: Op, a: Dims, b: Dims) -> list[Dims] | None:
    if len(a) < 2 or len(b) < 2:
        return None
    t.forms.unify(a[-1], b[-2], reason(op))
    return [[*_broadcast(t, op, [a[:-2], b[:-2]]), a[-2], b[-1]]] if len(a) + len(b) > 4 else [[a[-2], b[-1]]]


def _addmm(t: Ties, op: Op) -> list[Dims] | None:
    c, a, b = (t.of(i) for i in op.inputs[:3])
    made = _product(t, op, a, b)
    return None if made is None else [_broadcast(t, op, [made[0], c])]


def _einsum(t: Ties, op: Op) -> list[Dims] | None:
    equation = op.attrs["equation"].replace(" ", "")
    if "." in equation or "->" not in equation:
        return None
    left, right = equation.split("->")
    letters: dict[str, Form] = {}
    for term, tensor in zip(left.split(","), op.inputs, strict=True):
        for letter, form in zip(term, t.of(tensor), strict=True):
            t.forms.unify(letters.setdefault(letter, form), form, reason(op))
    return [[letters[letter] for letter in right]]


def _attention(t: Ties, op: Op) -> list[Dims]:
    q, k, v = (t.of(i) for i in op.inputs[:3])
    t.forms.unify(q[-1], k[-1], reason(op))
    return [[*q[:-1], v[-1]]]


# ---- element by element


def _same(t: Ties, op: Op) -> list[Dims]:
    return [list(t.of(op.inputs[0])) for _ in op.outputs]


def _elementwise(t: Ties, op: Op) -> list[Dims]:
    return [_broadcast(t, op, [t.of(i) for i in op.inputs])]


def _windows(t: Ties, op: Op) -> list[Dims]:
    x, out = t.of(op.inputs[0]), t.shape(op.outputs[0])
    at = len(x) - len(op.attrs["kernel"])
    dims = [*x[:at], *_slid(t, op, x[at:], out[at:])]
    return [list(dims) for _ in op.outputs]


def _resize(t: Ties, op: Op) -> list[Dims]:
    x, out = t.of(op.inputs[0]), t.shape(op.outputs[0])
    for form in x[2:]:
        t.forms.pin(form, reason(op))
    return [[*x[:2], *map(constant, out[2:])]]


def _reduce(t: Ties, op: Op) -> list[Dims]:
    x = t.of(op.inputs[0])
    dims = {d % len(x) for d in op.attrs["dims"]} if op.attrs["dims"] else set(range(len(x)))
    if op.attrs["keepdim"]:
        out = [constant(1) if i in dims else f for i, f in enumerate(x)]
    else:
        out = [f for i, f in enumerate(x) if i not in dims]
    return [list(out) for _ in op.outputs]


# ---- moving data


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
    rest = _broadcast(t, op, ones)
    return [[*rest[:at], joint, *rest[at + 1 :]]]


def _stack(t: Ties, op: Op) -> list[Dims]:
    rest, at = _broadcast(t, op, [t.of(i) for i in op.inputs]), op.attrs["dim"]
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


def blocks(a: Sequence[int], b: Sequence[int]) -> list[tuple[slice, slice]]:
    """The finest cuts of two shapes of equal volume into consecutive blocks of equal volume."""
    out: list[tuple[slice, slice]] = []
    i = j = 0
    while i < len(a) or j < len(b):
        i0, j0, va, vb = i, j, 1, 1
        if i < len(a):
            va, i = a[i], i + 1
        if j < len(b):
            vb, j = b[j], j + 1
        while va != vb:
            if va < vb:
                va, i = va * a[i], i + 1
            else:
                vb, j = vb * b[j], j + 1
        out.append((slice(i0, i), slice(j0, j)))
    return out


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


def _unfold(t: Ties, op: Op) -> list[Dims]:
    x, out = t.of(op.inputs[0]), t.shape(op.outputs[0])
    for form in x[2:]:
        t.forms.pin(form, reason(op))
    return [[x[0], times(x[1], prod(op.attrs["kernel"])), *map(constant, out[2:])]]


def _create(t: Ties, op: Op) -> list[Dims]:
    return [list(map(constant, t.shape(o))) for o in op.outputs]


HANDLERS: dict[str, Callable[[Ties, Op], list[Dims] | None]] = {
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
    "pool": _windows,
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
    "copy": _elementwise,
    "identity": _same,
    "create": _create,
}
"""Operator → its tie. What is missing (``gather``, ``other``) pins all that it touches."""
