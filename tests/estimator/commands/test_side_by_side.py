"""Estimates that fuse otherwise, in pieces that none of them crosses."""

from __future__ import annotations

from advisor.estimator.commands.estimates import Estimate, Part
from advisor.estimator.commands.side_by_side import aligned


def estimate(*parts: tuple[tuple[int, ...], float]) -> Estimate:
    made = tuple(Part(ops, "conv", us) for ops, us in parts)
    return Estimate("t", "simulated", "", latency_us=sum(p.latency_us for p in made), parts=made)


def test_kernels_that_overlap_become_one_piece():
    pieces = aligned([estimate(((0, 1), 3.0), ((2,), 1.0)), estimate(((0,), 1.0), ((1, 2), 5.0))])
    assert [(p.ops, p.latency_us) for p in pieces] == [((0, 1, 2), (4.0, 6.0))]


def test_what_differs_most_in_its_share_comes_first():
    pieces = aligned([estimate(((0,), 5.0), ((1,), 5.0), ((2,), 10.0)), estimate(((0,), 1.0), ((1,), 1.0))])
    assert pieces[0].ops == (2,)
    assert pieces[0].latency_us == (10.0, None)


def test_an_estimate_without_numbers_has_none_in_any_piece():
    nothing = Estimate("t", "measured", "")
    assert [p.latency_us for p in aligned([nothing, estimate(((0,), 1.0))])] == [(None, 1.0)]
