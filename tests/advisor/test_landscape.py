"""Landscapes over widths: real costs, and the widths worth considering."""

from __future__ import annotations

from itertools import pairwise

import pytest

from advisor import packs, targets
from advisor.channels import analyse
from advisor.landscape import Landscape, Sample, parallelism, rising, scaled, window
from tests.graphs import GraphBuilder


def network(widths=(20, 40)):
    b = GraphBuilder()
    x = b.input((1, 3, 32, 32))
    for width in widths:
        x = b.act(b.bn(b.conv(x, width, 3)))
    b.linear(b.flatten(b.global_pool(x)), 10)
    return b.build()


@pytest.fixture
def landscape():
    target = targets.load("ethos-u55-128")
    return Landscape(network(), target, packs.estimator_for(target))


def sample(at: float, us: float) -> Sample:
    return Sample((at,), 1, us, None, None)


def test_curated_widths_suit_the_parallelism_and_wider_always_costs_more(landscape):
    group = landscape.free()[0]
    line = landscape.line(group, range(8, 73))
    assert [s.at[0] for s in line.real] == list(range(8, 73))
    assert line.curated
    assert {s.at[0] % parallelism(landscape.target) for s in line.curated} == {0}
    assert all(a.latency_us < b.latency_us for a, b in pairwise(line.curated))
    assert set(line.curated) <= set(line.real)


def test_real_costs_are_those_of_the_model_at_that_width(landscape):
    group = next(g for g in landscape.free() if g.width == 40)
    (only,) = landscape.line(group, [24]).real
    direct = landscape.estimator.estimate(network((20, 24)), landscape.target)
    assert only.latency_us == pytest.approx(direct.latency_us)
    assert only.macs == direct.macs


def test_a_wider_network_that_costs_no_more_replaces_the_narrower():
    kept = rising([sample(8, 5), sample(16, 4), sample(24, 7), sample(32, 7), sample(40, 9)])
    assert [s.at[0] for s in kept] == [16, 32, 40]


def test_the_multiplier_scales_every_channel_count_that_may_change():
    widths = [g.width for g in analyse(scaled(network(), 0.5)).groups if not g.pinned]
    assert widths == [10, 20]
    suited = [g.width for g in analyse(scaled(network(), 0.5, 8)).groups if not g.pinned]
    assert suited == [8, 16]
    assert scaled(network(), 0.001).shape(network().outputs[0]) == (1, 10)


def test_multipliers_are_curated_among_the_coarse_ones(landscape):
    line = landscape.multipliers([0.5, 0.75, 1.0, 1.25], [0.5, 1.0])
    assert [s.at[0] for s in line.real] == [0.5, 0.75, 1.0, 1.25]
    assert {s.at[0] for s in line.curated} <= {0.5, 1.0}
    assert line.real[2].latency_us == landscape.costs.latency_us


def test_a_surface_never_falls_where_it_is_curated(landscape):
    groups = landscape.free()[0], landscape.free()[1]
    surface = landscape.surface(groups, (range(8, 40), range(16, 48)))
    assert len(surface.real) == len(surface.real[0]) == 32
    assert surface.real[3][5].at == (11, 21)
    rows = surface.curated
    assert all(a <= b for row in rows for a, b in pairwise(row))
    assert all(a <= b for above, below in pairwise(rows) for a, b in zip(above, below, strict=True))


def test_a_window_has_widths_that_the_group_can_have(landscape):
    group = landscape.free()[0]._replace(width=12, multiple=4)
    assert list(window(group, 8)) == [4, 8, 12, 16, 20]
    assert list(window(group, 8, 8)) == [8, 16, 24]
