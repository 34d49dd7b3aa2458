"""The page of what the compiler says of fixes: what it requires, and that what is unknown counts for neither side."""

from __future__ import annotations

from dataclasses import replace

from .verify_gains import COMPILED, Gain, table

GOOD = Gain("timm/models/a.py", "a", "ethos-u55-128", "CHN101", 7, 3.0, 1.0, 2.5)


def test_enough_fixes_that_are_faster_meet_it() -> None:
    text, failed = table([GOOD] * COMPILED)
    assert not failed
    assert "| CHN101 | ethos-u55-128 | 200 | 200 | 3.0 % | 2.5 % |" in text


def test_too_many_slower_ones_fail_and_are_listed() -> None:
    slower = replace(GOOD, line=9, true_percent=-0.5)
    text, failed = table([GOOD] * 193 + [slower] * 7)
    assert failed
    assert "timm/models/a.py:9 CHN101 of `a` on ethos-u55-128: promised 3.0 %, true -0.5 %" in text
    assert not table([GOOD] * 194 + [slower] * 6)[1]  # 97 %


def test_no_change_is_not_faster() -> None:
    assert table([GOOD] * 193 + [replace(GOOD, true_percent=0.0)] * 7)[1]


def test_what_the_compiler_says_nothing_of_is_no_fix_that_was_compiled() -> None:
    unknown = replace(GOOD, true_percent=None, why="an operator of the model has no TFLite form")
    text, failed = table([GOOD] * (COMPILED - 1) + [unknown])
    assert failed
    assert "- 1: an operator of the model has no TFLite form" in text


def test_what_is_left_for_its_uncertain_saving_is_told_and_counts_for_neither_side() -> None:
    doubtful = replace(GOOD, error_percent=2.5, true_percent=-1.0)
    text, failed = table([GOOD] * COMPILED + [doubtful] * 50)
    assert not failed
    assert "their saving may be none: faster by the compiler | 0 of 50 |" in text
    assert table([GOOD] * (COMPILED - 1) + [doubtful])[1]
