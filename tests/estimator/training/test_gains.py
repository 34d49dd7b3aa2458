"""Gains of single moves: they are compared kernel by kernel, and their intervals hold nine in ten true ones."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import pytest

from advisor.channels import analyse
from advisor.costs import gain_error
from advisor.edit import MoveError
from advisor.estimator.backends.npu import BACKEND
from advisor.estimator.learned.model import Learned
from advisor.estimator.measuring import Unmeasurable
from advisor.estimator.training.networks import stripped, zoo
from advisor.estimator.training.sampling import random_move
from advisor.estimator.training.validation import numbered_like
from advisor.graph import Graph
from advisor.moves import FuseIBN, Move, RemoveSE, SetWidth, find_ibn, find_se
from advisor.targets import load

LIGHT = 160
"""Operations of the networks that moves are tried on: each is simulated in a few milliseconds."""


def gate(graph: Graph) -> Move:
    return RemoveSE(find_se(graph)[1].gate)


def fusion(graph: Graph) -> Move:
    ibn = find_ibn(graph)[1]
    assert ibn.depthwise is not None
    return FuseIBN(ibn.expand, ibn.depthwise)


def wider(graph: Graph) -> Move:
    group = next(g for g in analyse(graph).groups if not g.pinned)
    return SetWidth(group.key, 2 * group.width)


@pytest.mark.parametrize("move", [fusion, gate, wider])
def test_operations_that_a_move_left_alone_are_recognised(move):
    graph = next(n.graph for n in zoo("test") if find_se(n.graph) and find_ibn(n.graph))
    moved = move(graph).apply(graph)
    kept = [op.key for op in moved.ops if op is graph.by_key.get(op.key)]
    again = numbered_like(graph, stripped(moved))
    assert len(kept) > len(graph.ops) // 2 and len(again.by_key) == len(moved.ops)
    assert {key: again.position.get(key) for key in kept} == {key: moved.position[key] for key in kept}


def test_nine_in_ten_true_gains_lie_in_their_intervals():
    target, learned, rng = load("npu-64"), Learned(), random.Random(0)
    networks = [n.graph for n in zoo("test") if len(n.graph.ops) <= LIGHT]

    def truths():
        while True:
            graph = rng.choice(networks)
            move = random_move(graph, rng)
            try:
                if move is not None:
                    moved = move.apply(graph)
                    was, now = (BACKEND.measure(g, target).latency_us for g in (graph, moved))
                    yield graph, moved, was - now
            except (MoveError, Unmeasurable):
                continue  # what was drawn does not exist on this network, or has no cost: draw again

    held, widths = [], []
    for graph, moved, true in islice(truths(), 80):
        before = learned.estimate(graph, target)
        after = learned.restimate(before, graph, moved, target)
        error = gain_error(before, after)
        assert error is not None
        held.append(abs(before.latency_us - after.latency_us - true) <= error)
        widths.append(error / before.latency_us)
    assert np.mean(held) >= 0.8  # 90 %, less three standard deviations of eighty draws
    assert np.median(widths) <= 0.02
