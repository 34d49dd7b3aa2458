"""Who gets room in a memory: never more than there is, and as much worth as the best choice has."""

from __future__ import annotations

import random
from itertools import product

from advisor.estimator.vela.placing import Range, place


def best(ranges: list[Range], base: list[int], room: int, worth: list[int]) -> int:
    """The most worth of all choices that fit."""
    most = 0
    for choice in product((False, True), repeat=len(ranges)):
        used = base[:]
        for taken, (first, last, size) in zip(choice, ranges, strict=True):
            for at in range(first, last + 1):
                used[at] += size * taken
        if max(used) <= room:
            most = max(most, sum(w for taken, w in zip(choice, worth, strict=True) if taken))
    return most


def some(rng: random.Random) -> tuple[list[Range], list[int], list[int]]:
    ranges = []
    for _ in range(rng.randint(1, 8)):
        first = rng.randint(0, 6)
        ranges.append(Range(first, min(first + rng.randint(0, 4), 9), rng.randint(1, 60)))
    return ranges, [rng.randint(0, 30) for _ in range(10)], [rng.randint(1, 90) for _ in ranges]


def test_the_choice_fits_and_is_worth_most() -> None:
    for seed in range(200):
        ranges, base, worth = some(random.Random(seed))
        inside = place(ranges, base[:], 90, worth.__getitem__)
        used = base[:]
        for taken, (first, last, size) in zip(inside, ranges, strict=True):
            for at in range(first, last + 1):
                used[at] += size * taken
        assert max(used) <= 90
        # what fits whatever the others do is in before the others are weighed, so nothing is lost
        assert sum(w for taken, w in zip(inside, worth, strict=True) if taken) == best(ranges, base, 90, worth)


def test_everything_is_in_where_it_fits_together() -> None:
    assert place([Range(0, 1, 10), Range(1, 2, 10)], [0, 0, 0], 20, lambda _: 0.0) == [True, True]


def test_the_dearer_of_two_stays() -> None:
    ranges = [Range(0, 1, 15), Range(1, 2, 15)]
    assert place(ranges, [0] * 3, 20, [1.0, 2.0].__getitem__) == [False, True]
    assert place(ranges, [0] * 3, 20, [2.0, 1.0].__getitem__) == [True, False]


def test_what_is_too_large_by_itself_disturbs_nobody() -> None:
    ranges = [Range(0, 2, 100), Range(1, 1, 20)]
    assert place(ranges, [0] * 3, 20, [1000.0, 1.0].__getitem__) == [False, True]


def test_many_rivals_end_in_time() -> None:
    ranges = [Range(i, i + 12, 10 + i % 7) for i in range(120)]
    inside = place(ranges, [0] * 140, 60, lambda i: float(i % 5))
    assert any(inside)
    assert not all(inside)
