"""What a predictor keeps of the rows that it was fitted on: the same for the same rules, another for others."""

import pytest

from advisor.estimator.training.golden import seen
from advisor.estimator.vela import transposing
from advisor.targets import load


def test_it_is_the_same_each_time_and_another_on_another_target() -> None:
    targets = [load(name) for name in ("ethos-u85-1024-shared", "ethos-u85-1024", "ethos-u55-128", "npu-64")]
    assert len({seen(target) for target in targets}) == len(targets)
    assert [seen(target) for target in targets] == [seen(target) for target in targets]


def test_a_rule_that_changes_makes_another(monkeypatch: pytest.MonkeyPatch) -> None:
    target, other = load("ethos-u85-1024-shared"), load("ethos-u55-128")
    before = seen(target), seen(other)
    transposing.reordered.cache_clear()
    monkeypatch.setattr(transposing, "_EACH", 20)
    try:
        assert seen(target) != before[0]
        assert seen(other) == before[1]  # it brings maps into order in another way
    finally:
        transposing.reordered.cache_clear()
