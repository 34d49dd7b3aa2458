from __future__ import annotations

from advisor.graph import Graph
from advisor.migration.dims import Dims, Run
from tests.graphs import GraphBuilder


def runs(graph: Graph, name: str, dim: int) -> list[Run]:
    tensor = next(i for i, t in graph.tensors.items() if t.name == name)
    return Dims(graph).runs(tensor, dim)


def shapes(found: list[Run]) -> list[tuple[int, int, int]]:
    return [(r.outer, r.channels, r.inner) for r in found]


def test_concatenated_groups_are_runs_in_their_order():
    b = GraphBuilder()
    x = b.input((1, 3, 8, 8))
    y = b.conv(b.concat([b.conv(x, 6, path="a"), b.conv(x, 4, path="b")]), 5, path="c")
    graph = b.build(b.linear(b.flatten(b.global_pool(y)), 10))
    found = runs(graph, "c.weight", 1)
    assert shapes(found) == [(1, 6, 1), (1, 4, 1)]
    assert found[0].group != found[1].group


def test_an_image_that_is_flattened_spreads_its_channels():
    b = GraphBuilder()
    x = b.flatten(b.conv(b.input((1, 3, 4, 4)), 6, path="a"))
    graph = b.build(b.linear(x, 10, path="head"))
    assert shapes(runs(graph, "head.weight", 1)) == [(1, 6, 16)]
    assert shapes(runs(graph, "a.weight", 0)) == [(1, 6, 1)]


def test_channels_before_a_pixel_shuffle_lie_apart_and_groups_do_not():
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 4, 4)), 24, path="before")
    x = b.op("pixel_shuffle", [x], (1, 6, 8, 8), factor=2)
    x = b.conv(x, 8, 3, groups=2, path="grouped")
    graph = b.build(b.conv(x, 4, path="last"))
    ((outer, channels, inner),) = shapes(runs(graph, "before.weight", 0))
    assert (outer * channels, inner) == (6, 4)
    assert shapes(runs(graph, "grouped.weight", 0)) == [(2, 4, 1)]


def test_positions_of_no_group_are_runs_without_one():
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 4, 4)), 6, path="a")
    graph = b.build(b.conv(x, 4, path="b"))
    assert runs(graph, "a.weight", 1) == [Run(None, 1, 3, 1)]
    assert sum(r.size for r in runs(graph, "b.weight", 1)) == 6
