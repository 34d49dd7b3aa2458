"""Boosted regression trees as flat arrays, evaluated for many rows and trees at once.

Every tree is complete: ``2 ** depth - 1`` inner nodes level by level, then ``2 ** depth`` leaves. A branch that ended
earlier goes on as nodes that all lead to copies of its leaf. A row goes left at a node where its feature is at most
the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True, frozen=True)
class Tree:
    """One tree as training libraries hold it: node 0 is the root, ``feature`` is -1 at leaves. Children are node
    numbers; ``value`` counts at leaves only."""

    feature: Sequence[int]
    threshold: Sequence[float]
    left: Sequence[int]
    right: Sequence[int]
    value: Sequence[float]


@dataclass(slots=True, eq=False)
class Forest:
    """Trees of one depth: ``feature`` and ``threshold`` have a row of inner nodes a tree, ``value`` one of leaves."""

    depth: int
    feature: NDArray[np.uint8]
    threshold: NDArray[np.float32]
    value: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.feature)

    @classmethod
    def of(cls, trees: Sequence[Tree], depth: int) -> Forest:
        """The forest of ``trees``, none of which is deeper than ``depth``. Raises ValueError where one is."""
        inner, leaves = 2**depth - 1, 2**depth
        feature = np.zeros((len(trees), inner), dtype=np.uint8)
        threshold = np.full((len(trees), inner), np.inf, dtype=np.float32)
        value = np.zeros((len(trees), leaves), dtype=np.float32)
        for n, tree in enumerate(trees):
            _fill(tree, 0, 0, 0, depth, (feature[n], threshold[n], value[n]))
        return cls(depth, feature, threshold, value)

    def sums(self, rows: NDArray[np.float32], first: NDArray[np.intp], count: int) -> NDArray[np.float64]:
        """For each row, the sum of the ``count`` trees from number ``first`` on. Independent of the other rows."""
        n, width = rows.shape
        inner = self.feature.shape[1]
        trees = (first[:, None] + np.arange(count)).ravel()
        base = trees * inner
        flat = rows.ravel()
        offset = np.repeat(np.arange(0, n * width, width), count)
        features, thresholds = self.feature.ravel(), self.threshold.ravel()
        node = np.zeros(n * count, dtype=np.intp)
        for _ in range(self.depth):
            here = base + node
            right = flat.take(offset + features.take(here)) > thresholds.take(here)
            node += node
            node += right
            node += 1
        leaves = self.value.ravel().take(trees * (inner + 1) + (node - inner))
        return leaves.reshape(n, count).sum(axis=1, dtype=np.float64)


def _fill(
    tree: Tree,
    node: int,
    at: int,
    level: int,
    depth: int,
    out: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Write ``node`` of ``tree`` to place ``at`` of ``level``, and everything below it."""
    feature, threshold, value = out
    if level == depth:
        if tree.feature[node] >= 0:
            raise ValueError(f"a tree is deeper than {depth} levels")
        value[at] = tree.value[node]
        return
    here = 2**level - 1 + at
    if tree.feature[node] < 0:  # a leaf already: whatever the row, it is found again below
        left = right = node
    else:
        feature[here] = tree.feature[node]
        threshold[here] = _below(tree.threshold[node])
        left, right = tree.left[node], tree.right[node]
    _fill(tree, left, 2 * at, level + 1, depth, out)
    _fill(tree, right, 2 * at + 1, level + 1, depth, out)


def _below(threshold: float) -> np.float32:
    """The largest number of single precision that is no greater: rows of single precision part as they did."""
    rounded = np.float32(threshold)
    return np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > threshold else rounded
