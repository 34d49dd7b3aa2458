"""What swapping columns and channels takes, against Vela 5.2.0's cycles of such operations in published networks."""

from __future__ import annotations

import pytest

from advisor.estimator.vela.transposing import transposed


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
