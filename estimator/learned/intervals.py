"""From the spread of kernels to that of a network.

Kernels' errors are not independent: what the regressors do not know of a network they do not know of any of its
kernels. So a part of every kernel's spread is taken to be common to all, and the aggregate is widened by a factor that
was calibrated on networks of families held out of the training.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

COMMON = 0.3
"""The share of a kernel's spread that it has in common with all others of the network."""

UNKNOWN = math.log(2.0)
"""The spread of a kernel that no regressor knows: half to double the simulated price."""

OUTSIDE = 2.0
"""How much wider the interval of a kernel outside the range of the training is."""


def aggregate(latencies: NDArray[np.float64], spreads: NDArray[np.float64]) -> float:
    """The spread of the sum, relative to it, of kernels with relative ``spreads``."""
    total = float(latencies.sum())
    if total <= 0:
        return 0.0
    errors = latencies * spreads
    return math.hypot(math.sqrt(float((errors * errors).sum())), COMMON * float(errors.sum())) / total
