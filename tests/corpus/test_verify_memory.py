"""The table of predicted memory against the compiler's."""

from advisor.estimator.measuring import Measurement
from advisor.targets import load
from tests.corpus.verify_memory import Row, misses, row, summary, worst
from tests.graphs import mobilenet_v2


def rows(*errors: float) -> list[Row]:
    return [Row(f"n{i}", f"f{i % 2}", 1000, round(1000 / (1 + e)), 1000, 1000) for i, e in enumerate(errors)]


def test_a_network_is_held_against_what_was_reported():
    truth = Measurement("ethos-u55-128", "vendor estimate", "", (), 1.0, 0.0, 1_509_792, 3_485_296)
    found = row("mobilenet_v2", "mobilenetv2", mobilenet_v2(), load("ethos-u55-128"), truth)
    assert max(map(abs, found.errors)) < 0.01


def test_the_requirement_is_on_the_median_and_on_the_share():
    assert not misses(rows(*[0.01] * 19, 0.5))
    assert misses(rows(*[0.01] * 9, 0.5))
    assert misses(rows(*[0.04] * 20))


def test_what_is_off_is_listed_by_name():
    some = rows(*[0.0] * 3, -0.2)
    assert summary("t", some).startswith("| t | 4 | 2 | 0.00% | 75.0% | 0.00% | 100.0% |")
    assert [line for line in worst("t", some) if "n3" in line and "-20.0%" in line]
    assert worst("t", rows(0.0)) == []
