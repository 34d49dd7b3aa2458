"""A worker's events, as a run on a later text of the same code would give them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from .dependencies import named
from .moves import Moves

Event = dict[str, Any]

_PLACE = re.compile(r"\blines?\b|\.py\b|\.ipynb\b|\b\d+:\d+|<stdin>|<string>|\bat 0x")
"""What in words of people's code may be a place in the text, or differ from run to run."""


class Unmovable(Exception):
    """An event holds a place of which it cannot be said where it is now."""


def names_places(events: Sequence[Event]) -> bool:
    """Whether the words of errors and notes may name lines: then they are true of a text with the same lines only."""
    return any(_PLACE.search(text) for event in events for text in _said(event))


def _said(event: Event) -> Iterator[str]:
    for guess in (event.get("construct"), event.get("input")):
        if guess:
            yield guess["shown"]
    if error := event.get("error"):
        yield error["message"]
    yield from event.get("notes", ())
    if reason := event.get("reason"):
        yield reason


def replayed(
    events: Sequence[Event], own: Collection[str], moves: Moves, places: Mapping[str, str], lines: Mapping[str, int]
) -> list[Event]:
    """``events`` with the places of the new text. The events given are changed and used.

    ``own`` are the names of the traced file, ``places`` those that the request names (``train.py:12``), old to new,
    ``lines`` the candidates' by name. Raises :class:`Unmovable`.
    """
    for event in events:
        if event.get("name") in lines and "line" in event:
            event["line"] = lines[event["name"]]
        for guess in (event.get("construct"), event.get("input")):
            if guess:
                guess["where"] = _named(guess["where"], places)
        if error := event.get("error"):
            _error(error, own, moves, places)
        if event.get("graph") is not None:
            _graph(event["graph"], own, moves, places)
    return list(events)


def _named(place: str, places: Mapping[str, str]) -> str:
    if place and place not in places:
        raise Unmovable(place)
    return places.get(place, "")


def _error(error: dict[str, Any], own: Collection[str], moves: Moves, places: Mapping[str, str]) -> None:
    if error.get("told"):
        error["told"] = _named(error["told"], places)
    if error.get("line") and (not error.get("file") or error["file"] in own):
        line = moves.line(error["line"])
        if line is None:
            raise Unmovable(f"line {error['line']}")
        error["line"] = line


def _graph(graph: dict[str, Any], own: Collection[str], moves: Moves, places: Mapping[str, str]) -> None:
    if "numbers" in graph:
        _numbers(graph["numbers"], own, moves, places)
    ours = {i for i, file in enumerate(graph["files"]) if file in own}
    known: dict[tuple[int, ...], list[int]] = {}

    def moved(span: list[int]) -> list[int]:
        if span[0] not in ours:
            return span
        found = known.get(tuple(span))
        if found is None:
            place = moves.place((span[1], span[2], span[3], span[4]))
            if place is None:
                raise Unmovable(f"line {span[1]}")
            found = known[tuple(span)] = [span[0], *place]
        return found

    if not ours:
        return
    for module in graph["modules"]:
        module[2] = [span and moved(span) for span in module[2]]
    for op in graph["ops"]:
        op[9] = op[9] and moved(op[9])


def _numbers(numbers: dict[str, Any], own: Collection[str], moves: Moves, places: Mapping[str, str]) -> None:
    """The literals of a table of numbers, where they are now: those of arguments where the request says, in a comment
    even."""
    ours = {i for i, file in enumerate(numbers["files"]) if file in own}
    for literal in numbers["literals"]:
        if literal[0] in ours:
            asked = places.get(named(literal[1:5]))
            place = moves.place(tuple(literal[1:5])) if asked is None else map(int, asked.split(":"))
            if place is None:
                raise Unmovable(f"line {literal[1]}")
            literal[1:5] = place
