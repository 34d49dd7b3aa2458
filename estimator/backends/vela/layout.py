"""How a tensor of the graph lies in memory: the order of its dimensions.

The graph speaks torch's shapes (channels are dimension 1), the accelerator wants channels innermost. Each value has
an *order*: place ``i`` in memory holds dimension ``order[i]``. A permutation in the model only renames dimensions, so
it moves no data here; data moves where an operator needs another order than the one at hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Shape = tuple[int, ...]
Order = tuple[int, ...]

_ROW = 8
"""The least elements side by side that are worth keeping so."""


def plain(rank: int) -> Order:
    """The dimensions as the graph lists them."""
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """Dimension 1 innermost."""
    return (0, *range(2, rank), 1) if rank > 2 else plain(rank)


def with_last(order: Order, dims: Sequence[int]) -> Order:
    """``order`` with these dimensions innermost, in the sequence given."""
    return (*(d for d in order if d not in dims), *dims)


def stored(shape: Sequence[int], order: Order) -> Shape:
    """The shape as it lies in memory."""
    return tuple(shape[d] for d in order)


def same_data(shape: Sequence[int], before: Order, after: Order) -> bool:
    """Whether both orders put the elements into the same sequence: they differ in dimensions of size 1 at most."""
    return [d for d in before if shape[d] != 1] == [d for d in after if shape[d] != 1]


def merged(shape: Sequence[int], before: Order, after: Order) -> tuple[Shape, tuple[int, ...]]:
    """A transposition in as few dimensions as it needs: the shape as it lies before, and the permutation.

    Dimensions of size 1 are left out, and those that stay neighbours in the same sequence are one.
    """
    old = [d for d in before if shape[d] != 1]
    new = [d for d in after if shape[d] != 1]
    runs: list[list[int]] = []
    for d in new:
        at = old.index(d)
        if runs and at and old[at - 1] == runs[-1][-1]:
            runs[-1].append(d)
        else:
            runs.append([d])
    lies = sorted(runs, key=lambda run: old.index(run[0]))
    return tuple(math.prod(shape[d] for d in run) for run in lies), tuple(lies.index(run) for run in runs)


def renamed(order: Order, dims: Sequence[int]) -> Order:
    """The order of a permuted tensor (its dimension ``i`` is the old ``dims[i]``) whose data stays where it is."""
    return tuple(list(dims).index(d) for d in order)


def insert_ones(shape: Sequence[int], known: Sequence[int]) -> Order:
    """An order of all dimensions in which ``known`` (those larger than 1) keep their sequence."""
    out = list(known)
    for d in range(len(shape)):
        if d not in known:
            place = next((i for i, other in enumerate(out) if other > d), len(out))
            out.insert(place, d)
    return tuple(out)


def groups(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest split of a reshape into independent ones: (dimensions before, dimensions after), of equal size each.

    Dimensions of size 1 are in none.
    """
    a = [(d, n) for d, n in enumerate(before) if n != 1]
    b = [(d, n) for d, n in enumerate(after) if n != 1]
    out: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        left, right = [a[i][0]], [b[j][0]]
        m, n = a[i][1], b[j][1]
        i, j = i + 1, j + 1
        while m != n:
            if m < n:
                left.append(a[i][0])
                m, i = m * a[i][1], i + 1
            else:
                right.append(b[j][0])
                n, j = n * b[j][1], j + 1
        out.append((left, right))
    return out


def reshaped(before: Sequence[int], order: Order, after: Sequence[int]) -> tuple[Order, Order]:
    """Orders for a reshape: the one that its input must lie in (``order`` if the data may stay), and its result's.

    Where data has to move, what lies innermost stays so as far as it can.
    """
    split = groups(before, after)
    of = {d: g for g, (left, _) in enumerate(split) for d in left}
    places = [of[d] for d in order if d in of]
    first = list(dict.fromkeys(places))
    last = list(dict.fromkeys(reversed(places)))[::-1]
    choices = [insert_ones(before, [d for g in found for d in split[g][0]]) for found in (first, last)]
    best = 0 if _inner(before, order, choices[0]) >= _inner(before, order, choices[1]) else 1
    result = insert_ones(after, [d for g in (first, last)[best] for d in split[g][1]])
    needed = choices[best]
    return (order if same_data(before, order, needed) else needed), result


def _inner(shape: Sequence[int], before: Order, after: Order) -> tuple[bool, int]:
    """How well a transposition keeps rows together: whether what lay innermost still does, and the elements side by
    side in both.
    """
    old = [d for d in before if shape[d] != 1]
    new = [d for d in after if shape[d] != 1]
    if not new:
        return True, 1
    kept = new[-1] == old[-1] and shape[new[-1]] >= _ROW
    run, at = 1, old.index(new[-1])
    while new and at >= 0 and new[-1] == old[at]:
        run *= shape[new.pop()]
        at -= 1
    return kept, run
