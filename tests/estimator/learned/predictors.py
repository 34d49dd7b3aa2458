"""Predictors for tests: no training, trees drawn at random."""

from __future__ import annotations

import numpy as np

from advisor.estimator.learned.columns import KINDS
from advisor.estimator.learned.features import NAMES, RANGED
from advisor.estimator.learned.forest import Forest
from advisor.estimator.learned.predictor import Predictor, Regressor, fingerprint
from advisor.targets import Target

COUNT, DEPTH = 12, 4


def random_predictor(
    target: Target, without: tuple[str, ...] = (), seed: int = 0, count: int = COUNT, depth: int = DEPTH
) -> Predictor:
    """Trees that part rows somewhere in the middle of the columns' usual values, a little each."""
    rng = np.random.default_rng(seed)
    kinds = [kind for kind in KINDS if kind not in without]
    shape = (len(kinds) * count, 2**depth - 1)
    forest = Forest(
        depth,
        rng.integers(0, len(NAMES), shape).astype(np.uint8),
        (10 ** rng.uniform(-1, 5, shape)).astype(np.float32),
        rng.normal(0, 0.03, (shape[0], 2**depth)).astype(np.float16).astype(np.float32),
    )
    low, high = np.zeros(len(RANGED), np.float32), np.full(len(RANGED), 1e12, np.float32)
    return Predictor(
        target.name,
        fingerprint(target),
        "predicted",
        "a test, no truth",
        count,
        forest,
        {kind: Regressor(n * count, 0.1, 0.05, low, high) for n, kind in enumerate(kinds)},
        1.5,
        {"networks": 3},
    )
