"""The learned estimator's speed, against one compilation of the same network by Vela in the same run.

The predictor is as large as those shipped; what its trees say does not matter for the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np

from advisor.channels import analyse
from advisor.edit import MoveError
from advisor.estimator.backends.vela import VELA
from advisor.estimator.learned.features import features
from advisor.estimator.learned.model import Learned, Reader
from advisor.estimator.learned.predictor import Predictor
from advisor.graph import Graph
from advisor.moves import SetWidth
from advisor.targets import load
from tests.estimator.learned.predictors import random_predictor
from tests.graphs import mobilenet_v2

TARGET = load("ethos-u55-128")
TREES, DEPTH = 140, 6
YARDSTICK = "one Vela compilation"


@cache
def predictor() -> bytes:
    return random_predictor(TARGET, count=TREES, depth=DEPTH).to_bytes()


def learned() -> Learned:
    return Learned(Predictor.from_bytes(predictor()))


def compilation() -> float:
    """Seconds that Vela takes for MobileNetV2 at 224, from our graph to its estimate."""
    graph = mobilenet_v2()
    started = time.perf_counter()
    VELA.measure(graph, TARGET)
    return time.perf_counter() - started


def moves(graph: Graph) -> list[SetWidth]:
    """A wider and a narrower one for every width that can change."""
    found = []
    for group in analyse(graph).groups:
        for step in (-8, 8):
            move = SetWidth(group.key, group.width + step)
            try:
                move.apply(graph)
            except MoveError:
                continue
            found.append(move)
    return found


def test_learned_estimate_of_a_network(against):
    """A hundred times as fast as the compiler at the least."""

    def prepare() -> Callable[[], object]:
        model, graph = learned(), mobilenet_v2()
        model.estimate(mobilenet_v2(96), TARGET)  # the predictor is loaded and has seen other kernels
        return lambda: model.estimate(graph, TARGET)

    costs = against(prepare, compilation, YARDSTICK, 0.01)
    assert costs.label == "predicted"
    assert 0 < costs.low_us < costs.latency_us < costs.high_us


def test_learned_reestimates_of_ten_moves(against):
    def prepare() -> Callable[[], object]:
        model, graph = learned(), mobilenet_v2()
        base = model.estimate(graph, TARGET)
        chosen = moves(graph)
        tried, timed = chosen[::2][:10], chosen[1::2][:10]
        for move in tried:
            model.restimate(base, graph, move.apply(graph), TARGET)
        moved = [move.apply(graph) for move in timed]

        return lambda: [(after, model.restimate(base, graph, after, TARGET)) for after in moved]

    found = against(prepare, compilation, YARDSTICK, 0.01)
    assert len(found) == 10
    for after, costs in found:
        assert costs.latency_us == learned().estimate(after, TARGET).latency_us


def test_learned_prediction_of_150_kernels(against):
    def prepare() -> Callable[[], object]:
        reader = Reader(Predictor.from_bytes(predictor()))
        made = [features(mobilenet_v2(size), TARGET) for size in (224, 192, 160)]
        kinds = [kind for some in made for kind in some.kinds][:150]
        rows = [row for some in made for row in some.matrix][:150]
        assert len(rows) == 150
        matrix = np.array(rows)
        return lambda: reader.read(kinds, matrix)

    found = against(prepare, compilation, YARDSTICK, 0.01)
    assert len(found) == 150
    assert all(spread > 0 for _, spread, _ in found)


def test_a_predictor_is_read_from_its_bytes(against):
    def prepare() -> Callable[[], object]:
        data = predictor()
        return lambda: Predictor.from_bytes(data)

    assert against(prepare, compilation, YARDSTICK, 0.1).to_bytes() == predictor()
