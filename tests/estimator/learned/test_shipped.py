"""The predictors that are shipped: small, of today's targets and columns, and as certain as they say."""

from pathlib import Path

import pytest

from advisor.estimator import learned
from advisor.estimator.learned.model import Learned
from advisor.estimator.learned.predictor import Predictor, fingerprint
from advisor.estimator.simulated import Simulated
from advisor.estimator.training.golden import FACT, seen
from advisor.targets import load
from tests.graphs import GraphBuilder, mobilenet_v2

FILES = sorted((Path(learned.__file__).parent.parent / "predictors").glob("*.msgpack"))


def test_some_are_shipped():
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_is_small_and_made_for_what_its_target_is_today(file):
    assert file.stat().st_size <= 2_000_000
    predictor, target = Predictor.from_bytes(file.read_bytes()), load(file.stem)
    assert (predictor.target, predictor.fingerprint) == (target.name, fingerprint(target))
    assert predictor.basis and predictor.label == "predicted"
    assert {"conv", "pointwise", "depthwise", "linear", "elementwise"} <= set(predictor.kinds)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_was_fitted_on_the_rows_that_are_made_today(file):
    """Whoever changes a column or a rule that rows start from has to fit this target's predictor anew."""
    assert Predictor.from_bytes(file.read_bytes()).facts[FACT] == seen(load(file.stem))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_predicts_a_usual_network(file):
    target, graph = load(file.stem), mobilenet_v2()
    costs = Learned(Predictor.from_bytes(file.read_bytes())).estimate(graph, target)
    assert costs.low_us is not None and costs.high_us is not None and not costs.uncounted
    assert 0 < costs.low_us < costs.latency_us < costs.high_us
    assert not any(k.simulated for k in costs.kernels)
    # what is known of these targets without learning is not far off, either
    assert 1 / 3 < costs.latency_us / Simulated().estimate(graph, target).latency_us < 3


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_what_images_do_not_make_keeps_the_simulated_price_and_says_so(file):
    """A sum over a stack and a window in three dimensions: nothing like them was learned from."""
    target = load(file.stem)
    b = GraphBuilder()
    stacked = b.op("stack", [x := b.conv(b.input((1, 8, 24, 24)), 16, 3), x], (2, 1, 16, 24, 24), dim=0)
    summed = b.op("reduce", [stacked], (1, 16, 24, 24), fn="sum", dims=[0], keepdim=False)
    graph = b.build(summed, b.conv(b.input((1, 8, 8, 24, 24)), 16, 3))
    costs = Learned(Predictor.from_bytes(file.read_bytes())).estimate(graph, target)
    odd = [k for k in costs.kernels if graph.by_key[k.ops[0]].op in ("reduce", "conv") and k.simulated]
    assert [graph.by_key[k.ops[0]].op for k in odd] == ["reduce", "conv"]
