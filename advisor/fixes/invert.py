"""The value that a literal must have for a number to come out as wanted: arithmetic run backwards, by trying.

All that sources do to widths (factors, rounding to a multiple, halves, sums) rises or falls with each of its literals,
so bisection finds the values; of several that give the same, people write the round one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import ceil, floor

from ..numbers import Number

Function = Callable[[Number], "Number | None"]
"""What a number comes to with a value of the literal; None where that cannot be said."""

MOST = 1 << 20
"""No width is larger."""

ABOUT = 6
"""Values on each side of the one that would be needed."""

STEPS = (8, 16, 32, 64)
"""What widths are multiples of, as a rule."""

DECIMALS = 6
"""Places of a fraction beyond which nobody would write it."""


def exact(f: Function, now: Number, wanted: Number) -> Number | None:
    """The value, of the type of ``now``, for which ``f`` is ``wanted``; None where there is none."""
    if isinstance(now, bool) or now <= 0:
        return None
    if isinstance(now, float):
        return _fraction(f, now, wanted)
    first = _first(f, wanted, now)
    if first is None or f(first) != wanted:
        return None
    last = _first(lambda x: _above(f, x, wanted, now), 1, now)
    return _round(first, first if last is None else last - 1, wanted, now)


def nearby(f: Function, now: Number, wanted: Number) -> list[Number]:
    """What ``f`` is for values around the one that ``wanted`` would need: :data:`ABOUT` of them on both sides, and the
    next multiples of :data:`STEPS`; only for whole ones."""
    if isinstance(now, (bool, float)) or now <= 0:
        return []
    first = _first(f, wanted, now)
    if first is None:
        return []
    even = (step * n for step in STEPS for n in (first // step, first // step + 1))
    found = (f(x) for x in (*range(max(1, first - ABOUT), first + ABOUT), *even) if x > 0)
    return [y for y in dict.fromkeys(found) if y is not None]


def _first(f: Function, wanted: Number, now: int) -> int | None:
    """The smallest positive value from which on ``f`` has reached ``wanted``, coming from that for 1; None where it
    never does, or cannot be followed."""
    low, high = f(1), f(2 * now)
    if low is None or high is None:
        return None
    rising = high >= low
    top = 2 * now
    while (y := f(top)) is not None and (y < wanted if rising else y > wanted):
        top *= 2
        if top > MOST:
            return None
    if y is None:
        return None
    bottom = 1
    while bottom < top:
        middle = (bottom + top) // 2
        y = f(middle)
        if y is None:
            return None
        if y >= wanted if rising else y <= wanted:
            top = middle
        else:
            bottom = middle + 1
    return bottom


def _above(f: Function, x: Number, wanted: Number, now: int) -> Number | None:
    """1 where ``f`` has left ``wanted`` behind, else 0."""
    y, low, high = f(x), f(1), f(2 * now)
    if y is None or low is None or high is None:
        return None
    return int(y > wanted if high >= low else y < wanted)


def _round(first: int, last: int, wanted: Number, now: int) -> int:
    """The value that a person would choose among those from ``first`` to ``last``: what is wanted itself, else the one
    with the largest power of two in it, of these the nearest to ``now``."""
    if first <= wanted <= last and int(wanted) == wanted:
        return int(wanted)
    for power in (1 << shift for shift in range(last.bit_length(), -1, -1)):
        low, high = -(-first // power) * power, last // power * power
        if low <= high:
            return min(max(now, low) // power * power, high) if low <= now // power * power else low
    return first


def _fraction(f: Function, now: float, wanted: Number) -> float | None:
    """The shortest decimal fraction for which ``f`` is ``wanted``."""
    y = f(now)
    if y is None or not y:
        return None
    middle = _meeting(f, now, wanted)
    if middle is None:
        return None
    for digits in range(DECIMALS + 1):
        unit = 10**digits
        for x in (floor(middle * unit) / unit, ceil(middle * unit) / unit):
            if x > 0 and f(x) == wanted:
                return x
    return None


def _meeting(f: Function, now: float, wanted: Number) -> float | None:
    """A value for which ``f`` is ``wanted``, or about which it passes it."""
    low, high = now / 64, now * 64
    bottom, top = f(low), f(high)
    if bottom is None or top is None:
        return None
    rising = top >= bottom
    ends = []
    for beyond in (False, True):  # where it reaches the wanted number, and where it leaves it behind
        a, b = low, high
        for _ in count():
            middle = (a + b) / 2
            if not a < middle < b or b - a < 1e-9 * now:
                break
            y = f(middle)
            if y is None:
                return None
            past = (y > wanted if beyond else y >= wanted) if rising else (y < wanted if beyond else y <= wanted)
            a, b = (a, middle) if past else (middle, b)
        ends.append((a + b) / 2)
    return sum(ends) / 2
