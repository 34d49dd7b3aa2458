"""The persons are the same each time, and break and mend as persons do."""

from __future__ import annotations

from collections import Counter

from .changes import BROKEN, WHOLE
from .persons import Persons, advanced, parses
from .tree import FILES


def test_any_moment_can_be_had_again() -> None:
    one, other = Persons(FILES, 7), Persons(FILES, 7)
    assert [one.step() for _ in range(400)] == [other.step() for _ in range(400)]
    again = advanced(FILES, 7, 400)
    assert (again.disk, again.opened) == (one.disk, one.opened)
    assert again.step() == one.step()
    assert Persons(FILES, 8).step() != Persons(FILES, 7).step()


def test_what_persons_do() -> None:
    persons = Persons(FILES, 0)
    steps = [persons.step() for _ in range(3000)]
    kinds = Counter(s.kind for s in steps)
    assert {*WHOLE, *BROKEN, "undone", "reopened"} <= set(kinds)
    broken = sum(not parses(s.text) for s in steps) / len(steps)
    assert 0.1 < broken < 0.5
    assert {s.file for s in steps} == set(FILES) and {s.person for s in steps} == {0, 1}
    assert sum(s.pause < 0.1 for s in steps) > 0.8 * len(steps), "they type faster than the daemon waits"
    shared = persons.opened[0].keys() & persons.opened[1].keys()
    assert len(shared) > 5 and persons.disk != FILES
