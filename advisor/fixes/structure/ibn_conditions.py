"""The simplest condition that tells some instances of a block from the others by the values in scope where each was
built: what a person would write beside the call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Value = int | float | str | bool | None
Scope = Mapping[str, Value]

_FEW = 3
"""Values that a person would still list."""
_PAIRED = 100
"""Comparisons, the best first, of which two are put together."""


@dataclass(frozen=True, slots=True)
class _Atom:
    """A comparison that holds for all that are wanted. ``cost``: how far it is from what a person would write;
    ``excludes``: which of the others it is false of."""

    text: str
    cost: float
    excludes: frozenset[int]


def conditions(
    wanted: Sequence[Scope], others: Sequence[Scope], near: Iterable[str] = (), looped: Iterable[str] = ()
) -> list[str]:
    """Conditions that hold for every scope of ``wanted`` and for none of ``others``, the best first; none where the
    values do not tell them apart. Names that are ``near``, in the call itself, are better than others, and those that
    a loop goes over are best: they are what the model's table says."""
    atoms = sorted(_atoms(wanted, others, frozenset(near), frozenset(looped)), key=lambda a: (a.cost, a.text))
    everything = frozenset(range(len(others)))
    found = [a for a in atoms if a.excludes == everything]
    for a, b in combinations(atoms[:_PAIRED], 2):
        both = a.excludes | b.excludes
        if both == everything and both not in (a.excludes, b.excludes):
            found.append(_Atom(f"{a.text} and {b.text}", a.cost + b.cost + 1, both))
    return [a.text for a in sorted(found, key=lambda a: (a.cost, a.text))]


def _atoms(
    wanted: Sequence[Scope], others: Sequence[Scope], near: frozenset[str], looped: frozenset[str]
) -> Iterator[_Atom]:
    names = [n for n in wanted[0] if all(n in scope for scope in (*wanted, *others))]
    for name in names:
        inside, outside = [s[name] for s in wanted], [s[name] for s in others]
        base = 0.0 if name in looped else 0.4 if name in near else 1.0
        base += 0.5 * (name.count(".") + name.count("[")) + (2.0 if "(" in name else 0.0)
        for text, cost, holds in _comparisons(name, inside, outside):
            yield _Atom(text, base + cost, frozenset(i for i, value in enumerate(outside) if not holds(value)))


def _comparisons(name: str, inside: Sequence[Value], outside: Sequence[Value]):
    """(text, cost, test) of the comparisons that hold for all of ``inside``."""
    values = set(inside)
    everyone = [*inside, *outside]
    if all(isinstance(v, bool) for v in everyone):
        if len(values) == 1:
            (value,) = values
            yield (name if value else f"not {name}"), 0.0, lambda v: v is value
        return
    if all(isinstance(v, int | float) for v in everyone):
        yield from _numeric(name, [v for v in inside if isinstance(v, int | float)], outside)
        return
    if len(values) == 1:
        (value,) = values
        same = f"{name} is None" if value is None else f"{name} == {_written(value)}"
        yield same, 0.0, lambda v: v == value
    elif len(values) <= _FEW and None not in values:
        listed = ", ".join(_written(v) for v in dict.fromkeys(inside))
        yield f"{name} in ({listed})", 1.0, lambda v: v in values
    if None not in values and None in outside:
        yield f"{name} is not None", 0.2, lambda v: v is not None


def _numeric(name: str, inside: Sequence[int | float], outside: Sequence[Value]):
    least, most = min(inside), max(inside)
    if any(
        isinstance(v, float) for v in (*inside, *outside)
    ):  # a computed fraction is compared with no other by equality
        yield f"{name} <= {_written(most)}", 2.0, lambda v: v <= most
        yield f"{name} >= {_written(least)}", 2.0, lambda v: v >= least
        return
    if least == most:
        yield f"{name} == {_written(least)}", 0.0, lambda v: v == least
    elif len(set(inside)) <= _FEW:
        listed = ", ".join(_written(v) for v in dict.fromkeys(inside))
        yield f"{name} in ({listed})", 1.0, lambda v: v in set(inside)
    bound = 0.0 if least != most else 0.1
    yield f"{name} <= {_written(most)}", bound, lambda v: v <= most
    yield f"{name} >= {_written(least)}", bound, lambda v: v >= least
    if least != most:
        yield f"{_written(least)} <= {name} <= {_written(most)}", 0.5, lambda v: least <= v <= most
    for value in dict.fromkeys(outside):
        if value not in inside:
            yield f"{name} != {_written(value)}", 0.1, lambda v, value=value: v != value


def _written(value: Value) -> str:
    if isinstance(value, str) and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return repr(value)
