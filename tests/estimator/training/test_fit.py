"""Fits find a known truth, on networks that they did not see, with intervals that hold it."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import pytest

from advisor.estimator import SIMULATED
from advisor.estimator.learned.model import Learned
from advisor.estimator.learned.predictor import Predictor
from advisor.estimator.measuring import Unmeasurable
from advisor.estimator.training import fit as fitting
from advisor.estimator.training.dataset import table
from advisor.estimator.training.fit import FitError, fit, folds
from advisor.estimator.training.journal import Entry
from advisor.estimator.training.networks import zoo
from advisor.estimator.training.sampling import samples
from advisor.estimator.training.validation import decide, judge, moved

from .fakes import TARGET, Formula


def measured(seed: int, count: int) -> list[Entry]:
    found = []
    for sample in islice(samples(random.Random(seed)), count):
        try:
            found.append(Entry(sample, Formula().measure(sample.graph, TARGET), 0.0))
        except Unmeasurable as e:
            found.append(Entry(sample, e, 0.0))
    return found


def rows_of(entries: list[Entry]):
    return table([(e.sample, e.result) for e in entries if not isinstance(e.result, Unmeasurable)], TARGET)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "TREES", 25)  # of a formula as simple as this
        rows = rows_of(measured(1, 60))
        made = fit(rows, TARGET, "formula 1, vendor estimate", {"kernels": len(rows)})
    assert made.errors and max(made.errors.values()) < 2
    return Predictor.from_bytes(made.predictor.to_bytes())


def test_the_fit_beats_what_it_starts_from(predictor):
    entries = measured(2, 25)
    learned = judge(entries, Learned(predictor), TARGET, "formula 1")
    simulated = judge(entries, SIMULATED, TARGET, "formula 1")
    assert learned.mape < 0.5 * simulated.mape and learned.kernel_mape < 0.5 * simulated.kernel_mape
    assert learned.spearman > 0.95
    assert learned.coverage > 0.6
    assert all(n.low_us < n.predicted_us < n.high_us for n in learned.networks if n.low_us and n.high_us)


def test_kinds_that_start_at_the_truth_stay_there(predictor):
    graph = next(n for n in zoo("train") if n.family == "lcnet").graph
    plain = {k.ops: k.latency_us for k in SIMULATED.estimate(graph, TARGET).kernels}
    found = [k for k in Learned(predictor).estimate(graph, TARGET).kernels if k.kind == "depthwise"]
    assert found
    for kernel in found:
        assert kernel.latency_us == pytest.approx(plain[kernel.ops], rel=0.01)


def test_what_could_not_be_measured_is_named(predictor):
    entries = measured(1, 40)
    made = judge(entries, Learned(predictor), TARGET, "formula 1")
    assert made.failures and all("no resizing" in f.why for f in made.failures)
    assert len(made.failures) + len(made.networks) == len(entries)


def test_moves_are_judged_by_what_they_gain(predictor):
    network = next(n for n in zoo("train") if n.family == "lcnet")
    truth = Formula().measure(network.graph, TARGET)
    found = []
    for sample in islice(moved([network], random.Random(0)), 16):
        try:
            found.append(Entry(sample, Formula().measure(sample.graph, TARGET), 0.0))
        except Unmeasurable as e:
            found.append(Entry(sample, e, 0.0))
    before = {network.title: (network.graph, truth.latency_us)}
    decisions = decide(found, before, Learned(predictor), TARGET)
    assert decisions and all(abs(d.true) >= 0.01 for d in decisions)
    assert np.mean([d.true * d.predicted > 0 for d in decisions]) > 0.7


def test_families_are_held_out_whole():
    rows = rows_of(measured(1, 60))
    held = np.array(list(folds(rows)))
    assert (held.sum(axis=0) == 1).all()
    networks = np.char.not_equal(rows.family, "chains")
    for family in set(rows.family[networks]):
        assert (held[:, rows.family == family].any(axis=1)).sum() == 1


def test_too_few_measurements_are_refused():
    with pytest.raises(FitError, match="--budget"):
        fit(rows_of(measured(1, 1)[:0]), TARGET, "formula 1", {})
