from __future__ import annotations

import math

import pytest

from advisor.zeroshot.ranks import combined, ranks


def test_equal_values_share_their_ranks():
    assert ranks([3.0, 1.0, 3.0, 2.0]) == [3.5, 1.0, 3.5, 2.0]


def test_the_best_in_everything_has_nothing_against_it():
    networks = [{"a": 1.0, "b": 5.0}, {"a": 2.0, "b": 6.0}, {"a": 0.0, "b": 4.0}]
    found = combined(networks, ("a", "b"))
    assert found == pytest.approx([2 * math.log(2 / 3), 0.0, 2 * math.log(1 / 3)])


def test_a_missing_score_ranks_last():
    found = combined([{"a": None}, {"a": -5.0}], ("a",))
    assert found[0] < found[1]
