"""Where activations live: the fastest memory while they fit, and how much of each is held when."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.estimator.kernels import decompose
from advisor.estimator.npu.placement import Placement, free, place
from advisor.graph import Graph
from advisor.targets import Target, load
from tests.graphs import GraphBuilder

MEMORIES = """
[[memory]]
name = "sram"
bytes = {sram}
bytes_per_s = 128e9
roles = ["activations"]

[[memory]]
name = "dram"
bytes_per_s = 16e9
roles = ["activations", "weights"]
"""


@pytest.fixture
def with_sram(tmp_path: Path):
    def make(sram: int, head: str = "", array: str = "") -> Target:
        path = tmp_path / "mine.toml"
        text = f'inherits = "npu-64"\ndescription = "mine"\n{head}\n{MEMORIES.format(sram=sram)}\n[array]\n{array}\n'
        path.write_text(text, encoding="utf-8")
        return load(path)

    return make


def skip(wide: int = 64) -> Graph:
    """16 channels, ``wide``, and 16 again, which the first are added to; 32 x 32 throughout."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), 16)
    y = b.conv(b.act(b.conv(x, wide), "relu"), 16)
    return b.build(b.add(y, x))


def placed(graph: Graph, target: Target) -> Placement:
    return place(graph, decompose(graph, target), target)


def test_everything_is_near_where_there_is_room(with_sram):
    placement = placed(skip(), with_sram(1_048_576))
    assert set(placement.home.values()) == {0}
    assert placement.peak() == 32 * 32 * (16 + 64 + 16)


def test_the_largest_goes_away_first(with_sram):
    graph = skip()
    placement = placed(graph, with_sram(32 * 32 * 40))
    away = [t for t, memory in placement.home.items() if memory == 1]
    assert [graph.tensors[t].shape[1] for t in away] == [64]
    assert placement.peak() == 32 * 32 * (16 + 64 + 16)


def test_what_is_free_is_what_nobody_holds(with_sram):
    target = with_sram(200_000)
    placement = placed(skip(), target)
    assert [free(placement, 0, target, at) for at in range(3)] == [
        200_000 - 32 * 32 * (3 + 16),
        200_000 - 32 * 32 * (16 + 64),
        200_000 - 32 * 32 * (16 + 64 + 16),
    ]
    assert free(placement, 1, target, 0) == float("inf")


def test_channels_are_padded_to_the_blocks_they_lie_in(with_sram):
    graph = skip(wide=40)
    plain = placed(graph, with_sram(1_048_576))
    blocked = placed(graph, with_sram(1_048_576, array="channel_block = 16"))
    assert blocked.peak() - plain.peak() == 32 * 32 * 8


def test_a_result_may_take_the_place_of_what_nobody_reads_again(with_sram):
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), 64)
    y = b.conv(b.conv(x, 16), 64)
    graph = b.build(b.conv(b.elementwise("mul", x, y), 8))
    beside = placed(graph, with_sram(1_048_576)).peak()
    in_place = placed(graph, with_sram(1_048_576, head="in_place = true")).peak()
    assert beside == 32 * 32 * 64 * 3
    assert in_place == 32 * 32 * (64 + 16 + 64)
