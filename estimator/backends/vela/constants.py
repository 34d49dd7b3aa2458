"""Values for weights. The compiler compresses them, so what they are decides what they weigh and how fast they arrive.

A graph has no values. All weights are drawn from one distribution: normal, scaled so that the largest of each output
channel is ±127, as a symmetric quantiser does with a trained layer. They depend on the shape and on the ``ordinal``
of the layer: the same graph always compiles to the same cost, and equal layers are not stored once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

LARGEST = 127
_POOL = 1 << 20
_BY_SIZE, _BY_ORDINAL = 7919, 104_729  # primes: different tensors start at unrelated places


@cache
def _normal() -> np.ndarray:
    return np.random.default_rng(20).standard_normal(_POOL, dtype=np.float32)


def _drawn(size: int, ordinal: int) -> np.ndarray:
    start = (size * _BY_SIZE + ordinal * _BY_ORDINAL) % _POOL
    pool = _normal()
    if start + size <= _POOL:
        return pool[start : start + size]
    return np.resize(np.concatenate((pool[start:], pool[:start])), size)


def weights(shape: Sequence[int], channels_axis: int = 0, ordinal: int = 0) -> np.ndarray:
    """int8 weights of this shape, normal and scaled by output channel, which lie along ``channels_axis``."""
    values = _drawn(math.prod(shape), ordinal).reshape(tuple(shape))
    others = tuple(d for d in range(len(shape)) if d != channels_axis)
    peak = np.abs(values).max(axis=others, keepdims=True)
    return np.rint(values * (LARGEST / peak)).astype(np.int8)


def biases(channels: int, ordinal: int = 0) -> np.ndarray:
    """int32 biases: of some size, since zeros would compress away."""
    return np.rint(_drawn(channels, ordinal) * 1000).astype(np.int32)


def operand(shape: Sequence[int], ordinal: int = 0) -> np.ndarray:
    """int8 values of a constant that is no weight: a table of positions, a scale by channel, a mask."""
    values = np.rint(_drawn(math.prod(shape), ordinal) * (LARGEST / 4))
    return np.clip(values, -LARGEST, LARGEST).astype(np.int8).reshape(tuple(shape))
