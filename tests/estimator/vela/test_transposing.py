"""What swapping columns and channels takes, against Vela 5.2.0's cycles of such operations in published networks."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.estimator.vela.transposing import passes, reordered, transposed


@pytest.mark.parametrize(
    ("accelerator", "shape", "cycles"),
    [
        ("ethos-u85-1024", (784, 3, 24), 38822),
        ("ethos-u85-1024", (196, 3, 48), 20925),
        ("ethos-u85-1024", (49, 2, 96), 13500),
        ("ethos-u85-1024", (3136, 3, 10), 76352),
        ("ethos-u85-1024", (1, 196, 176), 9792),
        ("ethos-u65-512", (784, 3, 24), 8232),
        ("ethos-u65-512", (3136, 3, 10), 23520),
        ("ethos-u65-512", (7, 96, 7), 2352),
    ],
)
def test_the_cycles_are_the_compilers(accelerator: str, shape: tuple[int, int, int], cycles: int) -> None:
    assert transposed(*shape, accelerator) == pytest.approx(cycles, rel=0.03)


def test_few_columns_are_dear_on_u85_and_not_on_u65() -> None:
    narrow, wide = (196, 2, 96), (196, 16, 12)  # as many values
    assert transposed(*narrow, "ethos-u85-1024") > 2 * transposed(*wide, "ethos-u85-1024")
    assert transposed(*narrow, "ethos-u65-512") <= transposed(*wide, "ethos-u65-512")


@pytest.mark.parametrize(
    ("shape", "order", "cycles"),
    [
        ((784, 3, 24), (0, 2, 1), [38822]),
        ((8, 4, 64), (2, 0, 1), [1600]),
        ((8, 40, 64), (2, 1, 0), [8000]),
        ((96, 16, 2, 32), (2, 1, 0, 3), [99045, 19200, 24384]),
        ((4, 8, 4, 64), (0, 2, 1, 3), [2368, 6400, 3392, 2784, 3392]),
        ((32, 2, 2, 16), (2, 0, 1, 3), [2376, 832, 576, 1152, 576, 2240, 1056, 800]),
        (
            (16, 2, 16, 2, 64),
            (1, 3, 0, 2, 4),
            [12800, 17216, 66088, 8960, 12800, 17600, 12800, 19712, 10560, 12800, 12800],
        ),
    ],
)
def test_more_dimensions_are_swapped_two_by_two(
    shape: tuple[int, ...], order: tuple[int, ...], cycles: list[int]
) -> None:
    assert len(passes(shape, order)) == len(cycles)
    total, last = reordered(shape, order, "ethos-u85-1024")
    assert total == pytest.approx(sum(cycles), rel=0.01) and last == pytest.approx(cycles[-1], rel=0.01)


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2, 4), (0, 2, 4, 1, 3, 5)])
def test_the_passes_lead_to_the_order(order: tuple[int, ...]) -> None:
    shape = (2, 3, 4, 5, 6, 7)[: len(order)]
    lies = np.arange(np.prod(shape)).reshape(shape)
    moved = lies
    for three, places in passes(shape, order):
        moved = moved.reshape(three).transpose(places)
    assert (moved.ravel() == lies.transpose(order).ravel()).all()
