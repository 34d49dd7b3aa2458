"""From places that could be edited to edits: which of them together change the layers that are meant, and few others.

An option is a set of edits that changes a layer as it should be. What an option changes in all is known from the other
layers that have it among theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import libcst as cst

from ..edits import Conflict, Edit, merged
from ..proposal import Unfixable
from .calls import Call
from .flow import Place

MOST = 12
"""Choices that are offered for one finding: each is traced to see what it does."""

Option = tuple[Edit, ...]


class Choice(NamedTuple):
    """Edits and the keys of all that they change; ``without`` are those of the wanted that no edit reaches."""

    edits: tuple[Edit, ...]
    changed: tuple[int, ...]
    without: tuple[int, ...]


def told(choice: Choice, note: str = "") -> str:
    """What a person should know of a choice, after ``note``."""
    left = len(choice.without)
    some = f"{left} more {'is' if left == 1 else 'are'} set where it cannot be followed" if left else ""
    return "; ".join(part for part in (note, some) if part)


def choices(wanted: Sequence[int], options: Mapping[int, Sequence[Option]]) -> Iterator[Choice]:
    """Choices of options that change all ``wanted`` keys, those that change nothing else first; at most :data:`MOST`.

    ``options`` has the options of each key that can be changed, wanted or not, the best first. Raises
    :class:`Unfixable` where none of the wanted has any.
    """
    without = tuple(key for key in wanted if not options.get(key))
    reached = [key for key in wanted if key not in without]
    if not reached:
        raise Unfixable("no call or literal was found that a person could edit for this")
    reach: dict[Option, set[int]] = {}
    for key, own in options.items():
        for option in own:
            reach.setdefault(option, set()).add(key)
    pending: list[frozenset[Option]] = [frozenset()]
    seen = set(pending)
    given: set[tuple[Edit, ...]] = set()
    while pending and len(given) < MOST:
        excluded = pending.pop(0)
        chosen = _chosen(reached, options, reach, excluded)
        if chosen is None:
            continue
        edits = _together(chosen)
        if edits and edits not in given:
            given.add(edits)
            yield Choice(edits, tuple(sorted(set().union(*(reach[o] for o in chosen)))), without)
        further = [excluded | {option} for option in chosen]
        pending += [f for f in further if f not in seen]
        seen.update(further)


def _chosen(
    wanted: Sequence[int],
    options: Mapping[int, Sequence[Option]],
    reach: Mapping[Option, set[int]],
    excluded: frozenset[Option],
) -> list[Option] | None:
    """For each wanted key that the ones before it leave: the option that changes least of what is unwanted, of those
    the one that changes most of what is wanted, of those the first. None where a key has none left."""
    chosen: list[Option] = []
    covered: set[int] = set()
    asked = set(wanted)
    for key in wanted:
        if key in covered:
            continue
        left = [o for o in options[key] if o not in excluded]
        if not left:
            return None
        best = min(left, key=lambda o: (len(reach[o] - asked), -len(reach[o] & asked)))
        chosen.append(best)
        covered |= reach[best]
    return chosen


def _together(chosen: Sequence[Option]) -> tuple[Edit, ...]:
    try:
        return merged(*chosen)
    except Conflict:  # one of them stands within another: other choices leave one of the two out
        return ()


# ---- what may be written at a place


def setting(place: Place, text: str, default: str) -> Option:
    """Write ``text`` there; an argument that ``default`` is the default of is left out instead."""
    if place.missing:
        return Call(place.file, place.node).adding(place.missing, text) if isinstance(place.node, cst.Call) else ()
    parent = place.file.parent(place.node)
    call = place.file.parent(parent) if isinstance(parent, cst.Arg) else None
    if isinstance(call, cst.Call) and text == default:
        called = Call(place.file, call)
        name = next((a.name for a in called.arguments if a.node is parent), "")
        if name and _default(called, name) == default:
            return called.without(name, default)
    return (Edit(place.span, text),)


_TORCH_DEFAULTS = {"groups": "1", "stride": "1", "padding": "0", "dilation": "1", "bias": "True"}


def _default(call: Call, name: str) -> str:
    """What a parameter is where it is not passed; empty where that is not known."""
    if call.parameters is None:
        return _TORCH_DEFAULTS.get(name, "") if name in call.names else ""
    default = call.default(name)
    return "" if default is None else call.file.written(default)


_OFF = {"True": "False", "1": "0"}
_FLIPPED = {**_OFF, **{off: on for on, off in _OFF.items()}}


def flipped(place: Place, flips: Mapping[str, str] = _FLIPPED) -> list[Option]:
    """The other values of a literal that only decides something: ``True`` → ``False``, ``0.25`` → ``0``, ``None``."""
    node = place.node
    if place.missing or not place.test or isinstance(place.file.parent(node), cst.ComparisonTarget | cst.Comparison):
        return []
    if isinstance(node, cst.Float):
        return [(Edit(place.span, text),) for text in ("0.0", "None")]
    if isinstance(node, cst.Name | cst.Integer):
        text = flips.get(place.file.written(node))
        return [] if text is None else [(Edit(place.span, text),)]
    return []


def off(place: Place) -> list[Option]:
    """Of :func:`flipped` what says no."""
    return flipped(place, _OFF)
