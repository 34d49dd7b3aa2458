"""Which kernels a scheduler would run in stripes, one behind the other, because their feature maps do not fit.

Where the fastest memory is a small cache in front of a slow one, a compiler cascades: a kernel makes a few lines, the
next one eats them, and only rolling buffers of lines lie in the cache. The greedy rule here is that of Vela's
scheduler: a cascade grows along a chain as long as its buffers fit and the next kernel would not fit by itself. It
tells the regressors a decision that a small change may turn, which no smooth function of sizes would.
"""

from __future__ import annotations

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
    columns: list[int],
    needs: NDArray[np.float64],
    fast: float,
) -> NDArray[np.float64]:
    """The values of :data:`COLUMNS`.

    ``columns`` of ``values`` have in_height, in_width, in_channels, out_height, window_height, stride_height, weights;
    ``needs`` is what is alive while each row runs. ``chain`` numbers the chains."""
    n = len(kinds)
    fits = needs < fast
    out = np.zeros((n, len(COLUMNS)))
    out[:, 0], out[:, 3], out[:, 4] = 1.0, needs, fits
    large = np.flatnonzero(~fits).tolist()
    if not large:  # nothing has to be cut
        return out
    own = values[:, columns]
    able = [kind in STRIPED and lines > _STRIPE for kind, lines in zip(kinds, own[:, 3].tolist(), strict=True)]
    alone, links = fits.tolist(), chain.tolist()
    lines, ahead = _buffers(own).tolist(), np.minimum(own[:, 6], _BUFFERED).tolist()
    at = 0
    for r in large:
        start = r - 1  # a kernel that does not fit is behind the first of its cascade
        if start < at or not able[start]:
            continue
        end, total = start + 1, ahead[start]
        best_total = total
        while end < n and links[end] == links[start] and able[end]:
            total += lines[end] + ahead[end]
            if alone[end] or total > fast:
                break
            end += 1
            best_total = total
        if end - start > 1:
            out[start:end, 0], out[start:end, 2] = end - start, best_total
            out[start:end, 1] = range(end - start)
            at = end
    return out


def _buffers(own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bytes of the rolling buffer that each kernel reads from."""
    _, width, channels, _, window, stride, _ = own.T
    reads = (_STRIPE - 1) * stride + window
    lines = np.ceil((_STRIPE + reads) / reads) * reads
    return lines * width * np.ceil(channels / _BRICK) * _BRICK
