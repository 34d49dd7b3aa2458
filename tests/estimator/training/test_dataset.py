"""Backends' rows against the estimator's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.estimator.learned.features import features
from advisor.estimator.measuring import Measurement, Row
from advisor.estimator.training.dataset import shared, table, units
from advisor.estimator.training.sampling import Sample
from tests.graphs import GraphBuilder

from .fakes import TARGET


def built():
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 16, 16)), 16, 3)
    y = b.pool(x)
    return b.build(b.conv(y, 32, 3))


def measurement(*rows: Row) -> Measurement:
    return Measurement(TARGET.name, "vendor estimate", "formula 1", rows, sum(r.latency_us for r in rows))


def test_rows_that_are_kernels_are_their_truth():
    graph = built()
    made = features(graph, TARGET)
    truth = shared(graph, made, measurement(Row((0,), 5.0), Row((1,), 1.0), Row((2,), 7.0)))
    assert truth.tolist() == pytest.approx([5.0, 1.0, 7.0])


def test_kernels_in_one_row_share_it_by_their_prices():
    graph = built()
    made = features(graph, TARGET)
    found = measurement(Row((0, 1), 6.0), Row((2,), 7.0))
    truth = shared(graph, made, found)
    price = made.staged
    assert truth[0] / truth[1] == pytest.approx(price[0] / price[1])
    assert truth[0] + truth[1] == pytest.approx(6.0)
    assert units(graph, made.ops, found).truth_us.tolist() == pytest.approx([6.0, 7.0])


def test_time_of_no_operation_is_shared_by_all():
    graph = built()
    truth = shared(graph, features(graph, TARGET), measurement(Row((0,), 5.0), Row((2,), 7.0), Row((), 3.0)))
    assert truth.sum() == pytest.approx(15.0) and truth[1] > 0


def test_a_table_leaves_out_the_borders_of_a_section():
    graph, found = built(), measurement(Row((0,), 5.0), Row((1,), 1.0), Row((2,), 7.0))
    whole = table([(Sample(graph, "a", "a", True), found)], TARGET)
    cut = table([(Sample(graph, "a", "a", False), found)], TARGET)
    assert len(whole) == 3 and len(cut) == 1
    assert np.array_equal(whole.matrix[1:2], cut.matrix)
    assert whole.cycles.tolist() == pytest.approx(
        [5e-6 * TARGET.clock_hz, 1e-6 * TARGET.clock_hz, 7e-6 * TARGET.clock_hz]
    )
