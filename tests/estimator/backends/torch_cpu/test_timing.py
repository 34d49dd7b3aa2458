"""How samples become a timing: disturbed runs are thrown away, rows sum to the total."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from advisor.estimator.backends.torch_cpu.program import build
from advisor.estimator.backends.torch_cpu.timing import Samples, interleaved, relative_spread, summary
from tests.graphs import GraphBuilder

MS = 1_000_000


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def samples(*runs: tuple[list[int], int]) -> Samples:
    return Samples([ops for ops, _ in runs], [away for _, away in runs])


def test_runs_that_were_disturbed_do_not_count() -> None:
    calm = [([2 * MS, 1 * MS], 0)] * 5
    found = summary(samples(*calm, ([9 * MS, 9 * MS], 8 * MS), ([2 * MS, 8 * MS], 7 * MS)))
    assert (found.runs, found.dropped) == (5, 2)
    assert found.ops == pytest.approx((2000, 1000))
    assert found.total == pytest.approx(3000)
    assert found.spread == 0


def test_where_all_were_disturbed_the_least_disturbed_count() -> None:
    found = summary(samples(*(([(5 + i) * MS], i * MS) for i in range(2, 12))))
    assert (found.runs, found.dropped) == (5, 5)
    assert found.total == pytest.approx(9000)


def test_rows_sum_to_the_total_less_the_clock() -> None:
    found = summary(samples(*(([1000 * i, 7000 - 900 * i, 500], 0) for i in range(1, 7))), clock_ns=100)
    assert sum(found.ops) == pytest.approx(found.total)
    assert found.total == pytest.approx((7850 - 300) / 1000)
    assert all(s > 0 for s in found.spreads[:2])


def test_the_spread_is_the_interquartile_range_over_the_median() -> None:
    assert relative_spread([1, 2, 3, 4, 5]) == pytest.approx(2 / 3)
    assert relative_spread([7]) == 0


@pytest.mark.usefixtures("one_thread")
def test_programs_are_timed_op_by_op_and_alike() -> None:
    """A product of sixty times the work takes longer, in the same run and in a network beside."""
    b = GraphBuilder()
    x = b.input((1, 64, 24, 24))
    narrow = b.conv(x, 4, 3)
    wide = b.conv(x, 256, 3)
    both = b.build(narrow, wide)
    c = GraphBuilder()
    c.conv(c.input((1, 64, 24, 24)), 4, 3)
    first, second = interleaved([build(both), build(c.build())], rounds=3)
    assert first.ops[1] > 2 * first.ops[0]
    assert first.total > 2 * second.total
    assert first.runs >= 5
