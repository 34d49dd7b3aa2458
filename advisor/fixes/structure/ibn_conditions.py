"""The simplest condition that tells some instances of a block from the others by the values in scope where each was
built: what a person would write beside the call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Value = int | float | str | bool | None
Scope = Mapping[str, Value]

_OPEN = (" <= ", " >= ", " != ", " is not ", " in (")
"""Comparisons that hold for several values, perhaps for some that were not there."""
_FEW = 3
"""Values that a person would still list."""
_PAIRED = 100
"""Comparisons, the best first, of which two are put together."""
_PARTING = 3
"""Comparisons that part all unfit blocks from the others, the best first, beside which two more are put."""
_BY_CHANCE = 1.5
"""What it costs that a bound keeps the unfit out which only happens to: ``width <= 28`` may let another model's in."""


@dataclass(frozen=True, slots=True)
class _Atom:
    """A comparison that holds for all that are wanted. ``cost``: how far it is from what a person would write;
    ``excludes``: which of the others it is false of; ``name`` is compared, with the one value that it may have where
    it is ``exact``."""

    text: str
    cost: float
    excludes: frozenset[int]
    name: str
    exact: bool


def conditions(
    wanted: Sequence[Scope],
    others: Sequence[Scope],
    unfit: Sequence[Scope] = (),
    *,
    near: Iterable[str] = (),
    looped: Iterable[str] = (),
    deciding: Iterable[str] = (),
) -> list[str]:
    """Conditions that hold for every scope of ``wanted``, and for none of ``others`` nor of those that are ``unfit``
    to be changed, the best first; none where the values do not tell them apart. Names that are ``near``, in the call
    itself, are better than others, and those that a loop goes over are best: they are what the model's table says.
    What is unfit is best told by a name that is ``deciding`` what a block looks like, for that holds in other models
    of the same code too."""
    atoms = sorted(_atoms(wanted, (*others, *unfit), frozenset(near), frozenset(looped)), key=_order)
    excluded = frozenset(range(len(others) + len(unfit)))
    misfits = excluded - frozenset(range(len(others)))
    decides = frozenset(deciding)
    parting = [a for a in atoms if misfits and a.excludes == misfits and a.name in decides]
    by_chance = _BY_CHANCE if parting else 0.0

    def whole(*parts: _Atom) -> tuple[float, str]:
        known = any(a in parting or (a.exact and misfits <= a.excludes) for a in parts)
        cost = sum(a.cost for a in parts) + len(parts) - 1 + (0.0 if known else by_chance)
        return cost, " and ".join(a.text for a in parts)

    found = [whole(a) for a in atoms if a.excludes == excluded]
    for a, b in combinations(atoms[:_PAIRED], 2):
        both = a.excludes | b.excludes
        if both != excluded:
            continue
        if both not in (a.excludes, b.excludes):
            found.append(whole(a, b))
        found += [whole(p, a, b) for p in parting[:_PARTING] if _needed(p, a, b, excluded)]
    if misfits != excluded:
        found += [whole(p, a) for p in parting[:_PARTING] for a in atoms if a.excludes == excluded and not a.exact]
    return [text for _, text in sorted(found)]


def _needed(parting: _Atom, a: _Atom, b: _Atom, excluded: frozenset[int]) -> bool:
    """Whether two comparisons beside a parting one are both needed for the rest."""
    return parting not in (a, b) and excluded not in (parting.excludes | a.excludes, parting.excludes | b.excludes)


def _order(atom: _Atom) -> tuple[float, str]:
    return atom.cost, atom.text


def _atoms(
    wanted: Sequence[Scope], others: Sequence[Scope], near: frozenset[str], looped: frozenset[str]
) -> Iterator[_Atom]:
    names = [n for n in wanted[0] if all(n in scope for scope in (*wanted, *others))]
    for name in names:
        inside, outside = [s[name] for s in wanted], [s[name] for s in others]
        base = 0.0 if name in looped else 0.4 if name in near else 1.0
        base += 0.5 * (name.count(".") + name.count("[")) + (2.0 if "(" in name else 0.0)
        for text, cost, holds in _comparisons(name, inside, outside):
            excludes = frozenset(i for i, value in enumerate(outside) if not holds(value))
            yield _Atom(text, base + cost, excludes, name, not any(sign in text for sign in _OPEN))


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
