"""Arithmetic run backwards: the literal that gives a wanted number, written as people would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.fixes.invert import exact, nearby
from advisor.numbers import Number


def divisible(value: float, divisor: int = 8) -> int:
    return max(divisor, int(value + divisor / 2) // divisor * divisor)


@given(st.integers(1, 4096), st.integers(1, 4096))
def test_a_number_that_is_the_literal_becomes_what_is_wanted(now: int, wanted: int) -> None:
    assert exact(lambda x: x, now, wanted) == wanted


@given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 9), st.integers(1, 2000))
def test_what_is_found_gives_what_is_wanted_and_nothing_is_missed(now: int, a: int, b: int, x: int) -> None:
    def f(x: Number) -> Number:
        return divisible(a * x + b)

    found = exact(f, now, f(x))
    assert found is not None and f(found) == f(x)
    assert exact(lambda y: a * y, now, a * x) == x
    assert a == 1 or exact(lambda y: a * y, now, a * x + 1) is None


def test_of_several_values_the_round_one_is_written() -> None:
    assert exact(lambda x: divisible(x * 0.75), 60, 48) == 64  # 59 to 69 would do
    assert exact(lambda x: divisible(x), 60, 64) == 64


def test_falling_arithmetic_is_inverted_too() -> None:
    assert exact(lambda x: 512 // x, 8, 128) == 4


def test_fractions_are_as_short_as_they_can_be() -> None:
    assert exact(lambda x: int(100 * x), 0.6, 64) == 0.64
    assert exact(lambda x: divisible(100 * x), 0.6, 64) == 0.6
    assert exact(lambda x: x, 64.0, 96) == 96.0


def test_what_cannot_be_followed_or_reached_has_no_value() -> None:
    assert exact(lambda x: None, 60, 64) is None
    assert exact(lambda x: min(x, 60), 60, 64) is None
    assert exact(lambda x: 7, 60, 64) is None
    assert exact(lambda x: x, 0, 64) is None
    assert exact(lambda x: x, True, 64) is None


def test_what_is_reached_nearby_lies_on_both_sides() -> None:
    reached = nearby(lambda x: 6 * x, 10, 64)
    assert 60 in reached and 66 in reached and 48 in reached and 96 in reached and 65 not in reached
    assert nearby(lambda x: 6.0 * x, 9.0, 64) == []
    assert nearby(lambda x: None, 9, 64) == []
