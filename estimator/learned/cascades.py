"""Which kernels a scheduler would run in stripes, one behind the other, because their feature maps do not fit.

Where the fastest memory is a small cache in front of a slow one, a compiler cascades: a kernel makes a few lines, the
next one eats them, and only rolling buffers of lines lie in the cache. The greedy rule here is that of Vela's
scheduler: a cascade grows along a chain as long as its buffers fit and the next kernel would not fit by itself. It
tells the regressors a decision that a small change may turn, which no smooth function of sizes would.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

STRIPED = frozenset({"conv", "pointwise", "depthwise", "grouped", "transposed", "pool", "activation", "batch_norm"})
"""Kinds of kernels that can make their results line by line."""

COLUMNS = ("cascade_length", "cascade_position", "cascade_bytes", "need", "fits")
"""For each row: how many kernels are in its cascade (1: it runs whole), its place there, the cascade's buffers, what
it needs when it runs whole, and whether that fits."""

_BRICK = 16
_STRIPE = 2.0
"""Lines of results that a stripe has at the least."""
_BUFFERED = 32_768.0
"""Bytes of weights that are fetched ahead for one kernel at the most."""


def cascades(
    kinds: list[str],
    chain: NDArray[np.intp],
    values: NDArray[np.float64],
    columns: NDArray[np.intp],
    needs: NDArray[np.float64],
    fast: float,
) -> NDArray[np.float64]:
    """The values of :data:`COLUMNS`, one below the other, and so are ``values``.

    Of these ``columns`` have in_height, in_width, in_channels, out_height, window_height, stride_height, weights;
    ``needs`` is what is alive while each row runs. ``chain`` numbers the chains."""
    n = len(kinds)
    fits = needs < fast
    out = np.zeros((len(COLUMNS), n))
    out[0], out[3], out[4] = 1.0, needs, fits
    large = np.flatnonzero(~fits).tolist()
    if not large:  # nothing has to be cut
        return out
    # only kernels that do not fit are behind the first of a cascade
    begin, behind = max(large[0] - 1, 0), large[-1] + 1
    own = values[columns, begin:behind].T.tolist()
    alone, links = fits.tolist(), chain.tolist()

    def able(row: int) -> bool:
        return kinds[row] in STRIPED and own[row - begin][3] > _STRIPE

    at = 0
    for r in large:
        start = r - 1
        if start < at or not able(start):
            continue
        end, total = start + 1, min(own[start - begin][6], _BUFFERED)
        best_total = total
        while end < n and not alone[end] and links[end] == links[start] and able(end):
            total += _buffer(own[end - begin]) + min(own[end - begin][6], _BUFFERED)
            if total > fast:
                break
            end += 1
            best_total = total
        if end - start > 1:
            out[0, start:end], out[2, start:end] = end - start, best_total
            out[1, start:end] = range(end - start)
            at = end
    return out


def _buffer(own: list[float]) -> float:
    """Bytes of the rolling buffer that a kernel reads from."""
    _, width, channels, _, window, stride, _ = own
    reads = (_STRIPE - 1) * stride + window
    lines = ceil((_STRIPE + reads) / reads) * reads
    return lines * width * ceil(channels / _BRICK) * _BRICK
