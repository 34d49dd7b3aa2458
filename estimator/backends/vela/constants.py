"""Values for weights. The compiler compresses them, so what they are decides what they weigh and how fast they arrive.

A graph has no values. All weights are drawn from one distribution: normal, scaled so that the largest of each output
channel is ±127, as a symmetric quantiser does with a trained layer. They depend on the shape alone, so the same
graph always compiles to the same cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

LARGEST = 127
_POOL = 1 << 20
_STEP = 7919  # a prime: tensors of different sizes start at unrelated places


@cache
def _normal() -> np.ndarray:
    return np.random.default_rng(20).standard_normal(_POOL, dtype=np.float32)


def weights(shape: Sequence[int], channels_axis: int = 0) -> np.ndarray:
    """int8 weights of this shape, normal and scaled by output channel, which lie along ``channels_axis``."""
    size = math.prod(shape)
    start = size * _STEP % _POOL
    values = np.resize(np.roll(_normal(), -start), size).reshape(tuple(shape))
    others = tuple(d for d in range(len(shape)) if d != channels_axis)
    peak = np.abs(values).max(axis=others, keepdims=True)
    return np.rint(values * (LARGEST / peak)).astype(np.int8)


def biases(channels: int) -> np.ndarray:
    """int32 biases: of some size, since zeros would compress away."""
    return np.rint(np.resize(_normal(), channels) * 1000).astype(np.int32)


def operand(shape: Sequence[int]) -> np.ndarray:
    """int8 values of a constant that is no weight: a table of positions, a scale by channel, a mask."""
    size = math.prod(shape)
    return (
        np.clip(np.rint(np.resize(_normal(), size) * (LARGEST / 4)), -LARGEST, LARGEST).astype(np.int8).reshape(shape)
    )
