"""Forests: the trees of a training library in flat arrays predict what the library does."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from advisor.estimator.learned.forest import Forest, Tree


def trees_of(model: HistGradientBoostingRegressor) -> list[Tree]:
    trees = []
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        feature = np.where(nodes["is_leaf"], -1, nodes["feature_idx"])
        trees.append(Tree(feature, nodes["num_threshold"], nodes["left"], nodes["right"], nodes["value"]))
    return trees


def test_predicts_what_the_library_does():
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 50, (400, 6)).astype(np.float32)
    y = np.sin(rows[:, 0]) + rows[:, 1] * (rows[:, 2] > 20)
    model = HistGradientBoostingRegressor(max_depth=5, max_leaf_nodes=20, max_iter=30).fit(rows, y)
    forest = Forest.of(trees_of(model), 5)
    got = forest.sums(rows, np.zeros(len(rows), dtype=np.intp), len(forest)) + model._baseline_prediction.item()
    assert got == pytest.approx(model.predict(rows), rel=1e-4, abs=1e-4)


def test_thresholds_between_numbers_of_single_precision_part_as_before():
    a = np.float32(1.0)
    b = np.nextafter(a, np.float32(2.0))
    middle = (float(a) + float(b)) / 2 + 1e-9  # rounds up to b
    forest = Forest.of([Tree([0, -1, -1], [middle, 0, 0], [1, 0, 0], [2, 0, 0], [0, -1.0, 1.0])], 1)
    rows = np.array([[a], [b]], dtype=np.float32)
    assert forest.sums(rows, np.zeros(2, dtype=np.intp), 1).tolist() == [-1.0, 1.0]


def test_a_row_does_not_depend_on_the_others():
    rng = np.random.default_rng(2)
    forest = Forest(
        3,
        rng.integers(0, 4, (40, 7)).astype(np.uint8),
        rng.normal(size=(40, 7)).astype(np.float32),
        rng.normal(size=(40, 8)).astype(np.float32),
    )
    rows = rng.normal(size=(9, 4)).astype(np.float32)
    first = np.array([0, 20] * 4 + [20])
    whole = forest.sums(rows, first, 20)
    alone = [forest.sums(rows[i : i + 1], first[i : i + 1], 20)[0] for i in range(9)]
    assert whole.tolist() == alone


def test_a_tree_that_is_too_deep_is_refused():
    with pytest.raises(ValueError, match="deeper than 0"):
        Forest.of([Tree([0, -1, -1], [0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 2])], 0)
