"""Products of activations: matrices, attention, einsum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from advisor.graph import Op

from ..layout import Order, plain, renamed, reshaped, stored, with_last
from .activations import softened
from .arithmetic import added, fitted, joined
from .convolution import connected
from .lowerer import Lowerer, Refusal, Value


def permuted(value: Value, dims: Sequence[int]) -> Value:
    """The value with its dimensions renamed: its dimension ``i`` is the old ``dims[i]``. No data moves."""
    return replace(value, shape=stored(value.shape, tuple(dims)), order=renamed(value.order, dims))


def regrouped(lower: Lowerer, value: Value, shape: Sequence[int]) -> Value:
    """``value.reshape(shape)``; data moves only if it has to."""
    needed, order = reshaped(value.shape, value.order, shape)
    return lower.viewed(lower.arranged(value, needed), shape, order)


def turned(value: Value) -> Value:
    """Matrices transposed."""
    rank = value.rank
    return permuted(value, [*range(rank - 2), rank - 1, rank - 2])


def along(lower: Lowerer, x: Value, dim: int, size: int) -> Value:
    """``x`` with dimension ``dim`` multiplied by a constant matrix: a linear layer over that dimension."""
    dims = [d for d in range(x.rank) if d != dim] + [dim]
    made = connected(lower, permuted(x, dims), size)
    return permuted(made, [dims.index(d) for d in range(x.rank)])


def matmul(lower: Lowerer, op: Op) -> None:
    shape = lower.graph.shape(op.outputs[0])
    lower.give(op.outputs[0], _matmul(lower, lower.input(op), lower.input(op, 1), shape))


def _matmul(lower: Lowerer, a: Value, b: Value, shape: Sequence[int]) -> Value:
    """torch's product: vectors count as a row on the left and a column on the right."""
    if a.rank == 1:
        a = lower.viewed(a, (1, a.shape[0]))
    if b.rank == 1:
        b = lower.viewed(b, (b.shape[0], 1))
    made = product(lower, a, b)
    return made if made.shape == tuple(shape) else regrouped(lower, made, shape)


def product(lower: Lowerer, a: Value, b: Value) -> Value:
    """Matrices (…, M, K) times (…, K, N); leading dimensions broadcast."""
    if b.tensor is None and all(n == 1 for n in b.shape[:-2]) and b.rank <= a.rank:
        return connected(lower, a, b.shape[-1])
    if a.tensor is None and all(n == 1 for n in a.shape[:-2]) and a.rank <= b.rank:
        return along(lower, b, b.rank - 2, a.shape[-2])
    rank = max(a.rank, b.rank, 3)
    a, b = (regrouped(lower, v, (1,) * (rank - v.rank) + v.shape) for v in (a, b))
    lead = tuple(map(max, a.shape[:-2], b.shape[:-2]))
    a = lower.tiled(a, (*lead, *a.shape[-2:]))
    b = lower.tiled(b, (*lead, *b.shape[-2:]))
    order = tuple(d for d in (a if a.tensor is not None else b).order if d < rank - 2)
    a, turned_a = _matrices(lower, a, order)
    b, turned_b = _matrices(lower, b, order)
    batch, m, n = math.prod(lead), a.shape[-2], b.shape[-1]
    flat = [lower.viewed(v, (batch, *stored(v.shape, v.order)[-2:]), plain(3)) for v in (a, b)]
    options = ("BatchMatMulOptions", {"AdjX": turned_a, "AdjY": turned_b})
    made = lower.emit("BATCH_MATMUL", flat, (batch, m, n), plain(3), options)
    return lower.viewed(made, (*lead, m, n), (*order, rank - 2, rank - 1))


def _matrices(lower: Lowerer, value: Value, lead: Order) -> tuple[Value, bool]:
    """The value with whole matrices in memory, in the order ``lead``, and whether each lies transposed."""
    rank = value.rank
    tail = (rank - 2, rank - 1)
    lies_turned = value.order[-2:] == tail[::-1]
    return lower.arranged(value, (*lead, *(tail[::-1] if lies_turned else tail))), lies_turned


def addmm(lower: Lowerer, op: Op) -> None:
    c, a, b = (lower.input(op, i) for i in range(3))
    shape = lower.graph.shape(op.outputs[0])
    lower.give(op.outputs[0], fitted(lower, added(lower, _matmul(lower, a, b, shape), c), shape))


def attention(lower: Lowerer, op: Op) -> None:
    """Scores, mask, softmax, sum. The scale of the scores is one of quantisation, so it costs nothing."""
    q, k, v = (lower.input(op, i) for i in range(3))
    if k.rank > 2 and k.shape[-3] != q.shape[-3]:  # several heads share one of k and v
        k, v = (lower.tiled(t, (*q.shape[:-2], *t.shape[-2:])) for t in (k, v))
    scores = product(lower, q, turned(k))
    if len(op.inputs) > 3:
        scores = added(lower, scores, lower.operand(op.inputs[3]))
    elif op.attrs["causal"]:
        scores = added(lower, scores, lower.constant(scores.shape[-2:]))
    lower.give(op.outputs[0], product(lower, softened(lower, scores, scores.rank - 1), v))


def einsum(lower: Lowerer, op: Op) -> None:
    """Of two tensors: dimensions are brought together as batch, rows, columns and what is summed."""
    left, _, out = op.attrs["equation"].partition("->")
    terms = left.split(",")
    if len(terms) != 2 or not out or "." in left or any(len(set(t)) != len(t) for t in (*terms, out)):
        raise Refusal(f"the equation {op.attrs['equation']!r}: those of two tensors have a form")
    a, b = lower.input(op, 0), lower.input(op, 1)
    if set(out) == set(terms[0]) | set(terms[1]):
        lower.give(op.outputs[0], _outer(lower, [a, b], terms, out))
        return
    batch = [c for c in out if c in terms[0] and c in terms[1]]
    summed = [c for c in terms[0] if c in terms[1] and c not in out]
    rows, columns = ([c for c in out if c in term and c not in batch] for term in terms)
    if {*batch, *summed, *rows} != set(terms[0]) or {*batch, *summed, *columns} != set(terms[1]):
        raise Refusal(f"the equation {op.attrs['equation']!r} sums over one tensor alone")
    size = {c: n for value, term in zip((a, b), terms, strict=True) for c, n in zip(term, value.shape, strict=True)}
    many = [math.prod(size[c] for c in group) for group in (batch, rows, summed, columns)]
    a = regrouped(lower, permuted(a, [terms[0].index(c) for c in (*batch, *rows, *summed)]), many[:3])
    b = permuted(b, [terms[1].index(c) for c in (*batch, *summed, *columns)])
    b = regrouped(lower, b, (many[0], many[2], many[3]))
    made = [*batch, *rows, *columns]
    whole = regrouped(lower, product(lower, a, b), [size[c] for c in made])
    lower.give(op.outputs[0], permuted(whole, [made.index(c) for c in out]))


def _outer(lower: Lowerer, values: Sequence[Value], terms: Sequence[str], out: str) -> Value:
    """Nothing is summed: a product element by element, each tensor with dimensions of size 1 for the other's."""
    placed = []
    for value, term in zip(values, terms, strict=True):
        kept = [c for c in out if c in term]
        turned_to = permuted(value, [term.index(c) for c in kept])
        sizes = iter(turned_to.shape)
        placed.append(regrouped(lower, turned_to, [next(sizes) if c in term else 1 for c in out]))
    return joined(lower, "MUL", placed, ("MulOptions", {}))


def innermost(value: Value, dims: Sequence[int]) -> Order:
    """The value's order with ``dims`` innermost, unchanged where they are."""
    inside = [d for d in value.order if d in dims]
    return with_last(value.order, inside)
