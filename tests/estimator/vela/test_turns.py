"""Where maps are brought into another order: what the lowering does, found without making a network."""

from __future__ import annotations

import numpy as np

from advisor.estimator.learned.features import NAMES, features
from advisor.estimator.memory.vela.outline import outline
from advisor.estimator.vela.turns import turns
from advisor.graph import Graph
from advisor.targets import load
from tests.graphs import GraphBuilder, mobilenet_v2

U85 = load("ethos-u85-1024-shared")


def unfolded(channels: int = 64) -> Graph:
    """Windows of 2 x 2 to the front, a layer over channels, and back."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 16, 16, 16)), channels, 3)
    x = b.permute(b.reshape(x, (1, channels, 8, 2, 8, 2)), (0, 3, 5, 2, 4, 1))
    x = b.linear(b.reshape(x, (4, 64, channels)), channels)
    x = b.permute(b.reshape(x, (1, 2, 2, 8, 8, channels)), (0, 5, 3, 1, 4, 2))
    return b.build(b.conv(b.reshape(x, (1, channels, 16, 16)), 32))


def shuffled() -> Graph:
    b = GraphBuilder()
    x = b.reshape(b.conv(b.input((1, 16, 28, 28)), 64), (1, 2, 32, 28, 28))
    return b.build(b.conv(b.reshape(b.permute(x, (0, 2, 1, 3, 4)), (1, 64, 28, 28)), 16))


def test_they_are_those_of_the_lowering() -> None:
    for graph in (unfolded(), shuffled()):
        made, full = turns(graph), outline(graph)
        assert made is not None and full is not None
        specs = full[0].network.tensors
        wanted = [
            (min(keys), specs[op.inputs[0]].shape, tuple(np.ravel(np.asarray(specs[op.inputs[1]].data)).tolist()))
            for op, keys in zip(full[0].network.ops, full[0].keys, strict=True)
            if op.code == "TRANSPOSE"
        ]
        found = [(key, turn.shape, turn.order) for key, lowered in made.known.items() for turn in lowered.turns]
        assert found == wanted and wanted


def test_a_graph_that_swaps_nothing_has_none() -> None:
    assert turns(mobilenet_v2()) is None


def test_what_an_edit_leaves_alone_is_taken_over() -> None:
    graph = unfolded()
    before = turns(graph)
    assert before is not None
    again = turns(graph, before)
    assert again is not None and all(again.known[key] is before.known[key] for key in before.known)
    other, fresh = turns(unfolded(80), before), turns(unfolded(80))
    assert other is not None and fresh is not None and other.cycles("ethos-u85-1024") != before.cycles("ethos-u85-1024")
    assert other.cycles("ethos-u85-1024") == fresh.cycles("ethos-u85-1024")


def test_weights_are_fetched_while_a_map_is_brought_into_order() -> None:
    made = features(shuffled(), U85)
    rows = [dict(zip(NAMES, row.tolist(), strict=True)) for row in made.matrix]
    swap = next(row for kind, row in zip(made.kinds, rows, strict=True) if kind == "reshape" and row["staged"] > 10000)
    assert rows[-1]["slack"] == swap["staged"] and rows[-1]["stall"] <= 0
    assert all(row["staged"] == 0 for kind, row in zip(made.kinds, rows, strict=True) if kind == "permute")
