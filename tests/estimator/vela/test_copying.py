"""What a copy into a concatenation takes, against Vela 5.2.0's cycles."""

from __future__ import annotations

import pytest

from advisor.estimator.vela.copying import copied


@pytest.mark.parametrize(
    ("shape", "apart", "parted", "cycles"),
    [
        ((14, 14, 176), False, False, 5040),
        ((28, 28, 88), False, True, 13475),
        ((14, 14, 176), True, True, 11704),
        ((28, 28, 88), True, True, 19712),
        ((56, 56, 32), False, False, 12656),
        ((112, 112, 16), False, False, 25200),
    ],
)
def test_the_cycles_are_the_compilers(shape: tuple[int, int, int], apart: bool, parted: bool, cycles: int) -> None:
    assert copied(*shape, apart, parted, "ethos-u85-1024") == pytest.approx(cycles, rel=0.01)
