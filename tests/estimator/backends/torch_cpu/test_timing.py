"""How samples become a timing: disturbed runs are thrown away, rows sum to the total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from advisor.estimator.backends.torch_cpu.program import build
from advisor.estimator.backends.torch_cpu.timing import Samples, interleaved, summary
from advisor.estimator.measuring import relative_spread
from tests.graphs import GraphBuilder

MS = 1_000_000


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def samples(*runs: tuple[list[int], list[int]], whole: Sequence[tuple[int, int]] = ()) -> Samples:
    """Of runs given as wall and own times of their ops; runs as it is took as long, unless given."""
    walls, owns = [wall for wall, _ in runs], [own for _, own in runs]
    return Samples(walls, owns, [*whole] or [(sum(wall), sum(own)) for wall, own in runs])


def test_an_interrupted_op_does_not_count_and_the_others_of_its_run_do() -> None:
    calm = [([2 * MS, 1 * MS], [2 * MS, 1 * MS])] * 5
    interrupted = [([9 * MS, 1 * MS], [3 * MS, 1 * MS])] * 15
    found = summary(samples(*calm, *interrupted))
    assert found.ops == pytest.approx((2000, 1000))
    assert found.total == pytest.approx(3000)
    assert found.calm == pytest.approx(25 / 40)
    assert found.spread == 0


def test_where_all_were_interrupted_the_least_disturbed_count() -> None:
    found = summary(samples(*(([(5 + 2 * i) * MS], [(5 + i) * MS]) for i in range(2, 12))))
    assert found.calm == 0
    assert found.total == pytest.approx(9000)  # own times 7 to 11


def test_several_threads_go_by_the_wall_clock_and_whole_runs() -> None:
    calm = [([2 * MS, 1 * MS], [2 * MS, 1 * MS])] * 5
    found = summary(samples(*calm, ([9 * MS, 3 * MS], [2 * MS, 3 * MS])), single=False)
    assert found.ops == pytest.approx((2000, 1000))


def test_ops_share_out_the_run_as_it_is_by_their_times_less_the_clocks() -> None:
    runs = ([1000 * i, 7000 - 900 * i, 500] for i in range(1, 7))
    found = summary(samples(*((ops, ops) for ops in runs), whole=[(15_200, 15_100)] * 6), reading_ns=100)
    assert found.total == pytest.approx(15.1)
    assert found.ops == pytest.approx((6.8, 7.5, 0.8))
    assert all(s > 0 for s in found.spreads[:2])
    assert found.spread == 0


def test_whole_runs_that_were_interrupted_do_not_count() -> None:
    runs = [([MS, MS], [MS, MS])] * 6
    found = summary(samples(*runs, whole=[(2 * MS, 2 * MS)] * 5 + [(9 * MS, 3 * MS)] * 6))
    assert (found.total, found.spread) == (2000, 0)


def test_a_program_without_ops_has_a_total_alone() -> None:
    found = summary(samples(([], []), whole=[(300, 200)]))
    assert (found.ops, found.total, found.calm) == ((), 0.2, 1.0)


def test_the_spread_is_the_interquartile_range_over_the_median() -> None:
    assert relative_spread([1.0, 2, 3, 4, 5]) == pytest.approx(2 / 3)
    assert relative_spread([7.0]) == relative_spread([0.0, 0.0]) == 0


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
