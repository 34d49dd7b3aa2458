"""From training rows to a predictor: gradient boosting by kind of kernel, and intervals from families held out.

scikit-learn grows the trees; what it made is exported as plain arrays. Every interval is conformal: its width is the
quantile of the errors that models made on families they had not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.costs import Label
from advisor.targets import Target

from ..learned.features import FLOOR_CYCLES, RANGED
from ..learned.forest import Forest, Tree
from ..learned.intervals import aggregate
from ..learned.predictor import Predictor, Regressor, fingerprint
from . import golden
from .dataset import Table
from .sampling import CHAINS

TREES, DEPTH = 100, 6
QUICK = 30
"""Trees of the models that only say how large errors are; each learns faster."""
FOLDS = 3
COVERED = 0.9
LEAST = 25
"""Rows that a regressor needs; kinds with fewer are left to the simulated model."""

_TOGETHER = (
    "matmul addmm einsum attention",
    "batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm",
    "concat stack split unbind slice permute pad repeat roll flip unfold gather cast copy create pixel_shuffle"
    " pixel_unshuffle channel_shuffle",
)
"""Kinds that are alike share a regressor, since some of them are rare. All others have their own."""
_STEADY = frozenset({"depthwise", "pointwise"})
"""Groups that have many rows, most of them next to exact: single ones far off must not draw the others along."""
_EXACT = 0.03
"""So are those whose ratios lie within this of their median, half of them. More rows have to agree on an exception."""
_NOTHING = Tree((-1,), (0.0,), (0,), (0,), (0.0,))
_SHARES = (0.0, 0.5, 1.0)
_CLEARLY = 0.9
_GROUP = {kind: kinds.split()[0] for kinds in _TOGETHER for kind in kinds.split()}


Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]


class FitError(ValueError):
    """Too few measurements to learn from; says what to do."""


@dataclass(slots=True, eq=False)
class _Grown:
    """A fitted group of kinds."""

    trees: list[Tree]
    bias: float


@dataclass(slots=True, eq=False)
class Fitted:
    """A predictor, and its ``errors`` on kernels of families held out: the mean of the absolute logarithm by kind and
    region (:func:`region`), over the regions that were measured."""

    predictor: Predictor
    errors: dict[tuple[str, int], float]


def region(staged: float) -> int:
    """Kernels of about the same size: within a factor of four in staged cycles."""
    return int(math.log2(staged + FLOOR_CYCLES) / 2)


def fit(table: Table, target: Target, basis: str, facts: dict[str, Any], label: Label = "predicted") -> Fitted:
    """A predictor from the table's rows. Raises :class:`FitError`, and ImportError without scikit-learn."""
    if len(table) < LEAST:
        raise FitError(f"{len(table)} measured kernels of '{target.name}' are too few; raise --budget")
    groups = np.array([_GROUP.get(kind, kind) for kind in table.kinds])
    held = _held_out(table, groups)
    share = {group: _share(table, held, groups == group) for group in np.unique(groups)}
    for group, by in share.items():
        held[groups == group] *= by
    shift = dict.fromkeys(share, 0.0)
    for group, by in share.items():
        chosen = groups == group
        if by and not _exact(table.ratio[chosen]):
            shift[group] = _shift(table, held, chosen)
            held[chosen] += shift[group]
    spreads = {
        kind: _spread(table.ratio, held, table.kinds == kind, groups == _GROUP.get(kind, kind))
        for kind in np.unique(table.kinds)
    }
    trees: list[Tree] = []
    kinds: dict[str, Regressor] = {}
    for group in np.unique(groups):
        chosen = groups == group
        if chosen.sum() < LEAST:
            continue
        if share[group]:
            grown = _grow(str(group), table.matrix[chosen], table.ratio[chosen], _weights(table)[chosen])
        else:
            grown = _Grown([_NOTHING] * TREES, 0.0)
        for kind in np.unique(table.kinds[chosen]):
            seen = table.matrix[table.kinds == kind][:, RANGED]
            bias = grown.bias * share[group] + shift[group]
            kinds[str(kind)] = Regressor(len(trees), bias, spreads[kind], seen.min(axis=0), seen.max(axis=0))
        trees += [replace(tree, value=[v * share[group] for v in tree.value]) for tree in grown.trees]
    forest = Forest.of(trees, DEPTH)
    scale = _scale(table, held, spreads)
    told = {**facts, golden.FACT: golden.seen(target)}
    made = Predictor(target.name, fingerprint(target), label, basis, TREES, forest, kinds, scale, told)
    return Fitted(made, _errors(table, held))


def _errors(table: Table, held: NDArray[np.float64]) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], list[float]] = {}
    for kind, price, error in zip(table.kinds, table.staged, np.abs(table.ratio - held), strict=True):
        found.setdefault((str(kind), region(price)), []).append(float(error))
    return {place: float(np.mean(errors)) for place, errors in found.items()}


def cycles(table: Table, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predicted cycles of the rows, from predicted logarithms of ratios."""
    return np.maximum(np.exp(ratio) * (table.staged + FLOOR_CYCLES) - FLOOR_CYCLES, 0.0)


def folds(table: Table) -> Iterator[NDArray[np.bool_]]:
    """Which rows are held out, fold by fold: whole families together; of chains, whole chains."""
    names = [f"{CHAINS} {i}" if family == CHAINS else family for i, family in enumerate(table.families)]
    order = {name: i for i, name in enumerate(np.random.default_rng(0).permutation(sorted(set(names))))}
    of = np.array([order[name] % FOLDS for name in names])[table.sample]
    for fold in range(FOLDS):
        yield of == fold


def _held_out(table: Table, groups: NDArray[np.str_]) -> NDArray[np.float64]:
    """The ratio of each row, predicted by models that did not see its family."""
    found = np.zeros(len(table))
    ratio, weights = table.ratio, _weights(table)
    for out in folds(table):
        for group in np.unique(groups):
            mine = groups == group
            seen = mine & ~out
            if seen.sum() >= LEAST and (mine & out).any():
                model = _model(str(group), table.matrix[seen], ratio[seen], weights[seen], min(QUICK, TREES))
                found[mine & out] = model.predict(table.matrix[mine & out])
    return found


def _share(table: Table, held: Vector, chosen: NDArray[np.bool_]) -> float:
    """How much of what the group's regressor says is to be believed: all of it, unless less was clearly better for
    families held out. Where rows start from next to the truth, trees may only disturb them."""
    truth, whole = table.cycles[chosen], np.maximum(table.total[table.sample[chosen]], 1.0)
    base = table.staged[chosen] + FLOOR_CYCLES

    def error(share: float) -> float:
        predicted = np.maximum(np.exp(share * held[chosen]) * base - FLOOR_CYCLES, 0.0)
        return float((np.abs(predicted - truth) / whole).sum())

    best = min(_SHARES, key=error)
    return best if error(best) < _CLEARLY * error(1.0) else 1.0


def _weights(table: Table) -> NDArray[np.float64]:
    """How much each row counts: more where it takes long, since networks' sums are what counts in the end."""
    weights = (table.cycles + table.staged + FLOOR_CYCLES) ** 0.8
    return np.clip(weights / weights.mean(), 0.05, 20.0)


def _model(group: str, matrix: Matrix, ratio: Vector, weights: Vector, trees: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    exact = _exact(ratio)
    settings: dict[str, Any] = {
        "loss": "absolute_error" if exact or group in _STEADY else "squared_error",
        "max_iter": trees,
        "max_depth": DEPTH,
        "max_leaf_nodes": max(8, min(48, len(ratio) // 15)),
        "learning_rate": 0.1 if trees > QUICK else 0.3,
        "min_samples_leaf": 20 if exact else 5,
        "l2_regularization": 10.0 if exact else 1.0,
        "max_features": 0.4,
        "max_bins": 255 if trees > QUICK and len(ratio) > 3000 else 63,
        "early_stopping": False,
        "random_state": 0,
    }
    model: Any = HistGradientBoostingRegressor(**settings)
    with threadpool_limits(1):  # the tables are small, and threads that wait for each other cost more on a busy machine
        return model.fit(matrix, ratio, weights)


def _exact(ratio: Vector) -> bool:
    """Whether most rows start from next to the truth."""
    return float(np.median(np.abs(ratio - np.median(ratio)))) < _EXACT


def _grow(group: str, matrix: Matrix, ratio: Vector, weights: Vector) -> _Grown:
    model = _model(group, matrix, ratio, weights, TREES)
    return _Grown(
        [_tree(rounds[0].nodes) for rounds in model._predictors], float(np.ravel(model._baseline_prediction)[0])
    )


def _tree(nodes: Any) -> Tree:
    """scikit-learn's nodes as a tree."""
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        np.where(leaf, -1, nodes["feature_idx"]).tolist(),
        nodes["num_threshold"].tolist(),
        nodes["left"].tolist(),
        nodes["right"].tolist(),
        nodes["value"].tolist(),
    )


def _shift(table: Table, held: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    """What makes the held-out predictions' sum right: the mean of a logarithm lies below the logarithm of the mean."""
    truth = table.cycles[chosen].sum() + FLOOR_CYCLES
    predicted = cycles(table, held)[chosen].sum() + FLOOR_CYCLES
    return float(np.clip(math.log(truth / predicted), -0.02, 0.02)) if chosen.sum() >= 10 * LEAST else 0.0


def _spread(
    ratio: NDArray[np.float64], held: NDArray[np.float64], kind: NDArray[np.bool_], group: NDArray[np.bool_]
) -> float:
    """The half-width that covers the held-out errors of the kind, of its group where it is rare."""
    chosen = kind if kind.sum() >= 2 * LEAST else group
    return max(_conformal(np.abs(ratio - held)[chosen]), 1e-4)


def _conformal(errors: NDArray[np.float64]) -> float:
    """The quantile that covers a further error with 90 %."""
    n = len(errors)
    rank = min(math.ceil((n + 1) * COVERED), n)
    return float(np.sort(errors)[rank - 1]) if n else 1.0


def _scale(table: Table, held: NDArray[np.float64], spreads: dict[Any, float]) -> float:
    """How far the aggregated spread of a network has to be widened to cover the held-out networks' errors."""
    predicted = cycles(table, held)
    spread = np.array([spreads[kind] for kind in table.kinds])
    found = []
    for number, family in enumerate(table.families):
        rows = table.sample == number
        if family == CHAINS or rows.sum() < 8:
            continue
        width = aggregate(predicted[rows], spread[rows])
        total, truth = predicted[rows].sum(), table.cycles[rows].sum()
        if width > 0 and total > 0 and truth > 0:
            found.append(abs(math.log(truth / total)) / width)
    return _conformal(np.array(found)) if found else 1.0
