"""The staircase check finds what it is for: errors, jumps that a prediction misses, decisions that it would turn."""

from __future__ import annotations

from advisor.targets import load
from tests.corpus.verify_staircase import REFERENCE, WIDTHS, Ratios, Staircase, Step, page, problems_of

U55 = load("ethos-u55-128")


def stairs(predicted, label="predicted") -> Staircase:
    """Compiled: 10 microseconds more behind every sixteenth channel."""
    return Staircase(U55, label, [Step(float(10 * (1 + (c - 1) // 16)), predicted(c)) for c in WIDTHS])


def test_a_prediction_that_follows_has_no_problem():
    found = stairs(lambda c: 10.5 * (1 + (c - 1) // 16))
    assert list(found.jumps()) == [17, 33, 49, 65]
    ratios = Ratios(U55.name, "predicted", REFERENCE[U55.name], REFERENCE[U55.name])
    assert problems_of([found], [ratios]) == []
    assert "All requirements are met." in page([found], [ratios], [], "x.svg")


def test_a_smooth_prediction_misses_the_jumps_and_is_off():
    problems = problems_of([stairs(lambda c: c * 10 / 16)], [])
    assert any("mean absolute error" in p for p in problems)
    assert any("jumps not predicted after C = 16, 32, 48, 64" in p for p in problems)


def test_a_ratio_on_the_other_side_of_one_turns_a_decision():
    known = REFERENCE["ethos-u85-1024"]
    off = Ratios("ethos-u85-1024", "predicted", (known[0] * 1.1, *known[1:]), (known[0], 1.2, *known[2:]))
    problems = problems_of([], [off])
    assert any("10.0 % off its reference" in p for p in problems)
    assert any("decided otherwise at 56 × 56, 24 channels" in p for p in problems)
