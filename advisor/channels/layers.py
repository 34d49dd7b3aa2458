"""Ties of operators with weights, of products and of sliding windows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..graph import Op
from .forms import ONE, Form, constant, times
from .ties import Dims, Handler, Ties, reason


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


def _made_in_attention(t: Ties, op: Op, read: Form, size: int) -> Form | None:
    """What a projection inside ``nn.MultiheadAttention`` makes: one number, ``embed_dim``, sets all of its widths.

    None elsewhere. Keys and values of another width than the queries' are projected to it by weights of their own.
    """
    weight = t.graph.tensors[op.weights["weight"]].name
    home, _, name = weight.removesuffix(".weight").rpartition(".")
    module = t.graph.modules.get(home)
    if module is None or not module.type.endswith("MultiheadAttention"):
        return None
    copies = {"in_proj_weight": 3, "q_proj_weight": 1, "out_proj": 1}.get(name)
    return constant(size) if copies is None else times(read, copies)


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
    size = t.shape(op.outputs[0])[-1]
    out = _made_in_attention(t, op, x[-1], size) or _made_by(t, op, size)
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


def _matmul(t: Ties, op: Op) -> list[Dims] | None:
    a, b = (t.of(i) for i in op.inputs[:2])
    return _product(t, op, a, b)


def _product(t: Ties, op: Op, a: Dims, b: Dims) -> list[Dims] | None:
    if len(a) < 2 or len(b) < 2:
        return None
    t.forms.unify(a[-1], b[-2], reason(op))
    return [[*t.broadcast(op, [a[:-2], b[:-2]]), a[-2], b[-1]]] if len(a) + len(b) > 4 else [[a[-2], b[-1]]]


def _addmm(t: Ties, op: Op) -> list[Dims] | None:
    c, a, b = (t.of(i) for i in op.inputs[:3])
    made = _product(t, op, a, b)
    return None if made is None else [t.broadcast(op, [made[0], c])]


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


def _unfold(t: Ties, op: Op) -> list[Dims]:
    x, out = t.of(op.inputs[0]), t.shape(op.outputs[0])
    for form in x[2:]:
        t.forms.pin(form, reason(op))
    return [[x[0], times(x[1], prod(op.attrs["kernel"])), *map(constant, out[2:])]]


TABLE: dict[str, Handler] = {
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
    "pool": _windows,
    "resize": _resize,
    "unfold": _unfold,
}
