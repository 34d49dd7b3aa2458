"""The blocks that layers are computed in, against those that Vela 5.2.0 chose for published networks."""

from __future__ import annotations

import pytest

from advisor.estimator.vela.blocks import CORES, Layer, block

U85 = [
    ((14, 14, 704, 176, (1, 1), 1, (1, 1), False), (6, 14, 96)),
    ((28, 28, 192, 192, (1, 1), 1, (1, 1), False), (6, 14, 96)),
    ((14, 14, 64, 32, (1, 1), 1, (1, 1), False), (8, 14, 32)),
    ((8, 8, 192, 10, (1, 1), 1, (1, 1), False), (8, 8, 16)),
    ((56, 56, 11, 11, (3, 3), 9, (2, 2), True), (14, 12, 16)),
    ((15, 15, 88, 88, (3, 3), 9, (2, 2), True), (20, 8, 16)),
    ((7, 7, 1104, 1104, (5, 5), 25, (1, 1), True), (8, 8, 64)),
    ((28, 28, 128, 128, (1, 1), 1, (1, 1), True), (10, 8, 128)),
]
U65 = [
    ((14, 14, 64, 64, (3, 1), 3, (1, 1), False), (14, 8, 32)),
    ((28, 28, 144, 32, (1, 1), 1, (1, 1), False), (4, 28, 32)),
    ((14, 14, 72, 216, (1, 1), 1, (1, 1), False), (6, 14, 48)),
    ((14, 14, 64, 176, (3, 3), 9, (2, 2), False), (8, 8, 32)),
    ((24, 28, 28, 28, (3, 3), 9, (1, 1), True), (14, 14, 16)),
    ((56, 56, 24, 24, (3, 3), 9, (2, 2), True), (10, 12, 16)),
]


@pytest.mark.parametrize(
    ("accelerator", "layer", "chosen"),
    [("ethos-u85-1024", *case) for case in U85] + [("ethos-u65-512", *case) for case in U65],
)
def test_the_block_is_the_compilers(accelerator: str, layer: tuple, chosen: tuple[int, int, int]) -> None:
    found = block(Layer(*layer), CORES[accelerator])
    assert (found.height, found.width, found.depth) == chosen


@pytest.mark.parametrize("accelerator", sorted(CORES))
@pytest.mark.parametrize("equal", [False, True])
def test_a_block_is_made_of_micro_blocks_and_reads_what_it_needs(accelerator: str, equal: bool) -> None:
    for size in (1, 7, 20, 112):
        for channels in (1, 3, 24, 100, 960):
            for window, stride in ((1, 1), (3, 1), (3, 2), (7, 2)):
                layer = Layer(
                    size, size, channels, channels, (window,) * 2, window * window, (stride,) * 2, equal
                )  # fmt: skip
                found = block(layer, CORES[accelerator])
                assert found.height % found.unit[0] == 0
                assert found.width % found.unit[1] == 0
                assert found.read_height >= (found.height - 1) * stride + window
                assert found.read_width >= (found.width - 1) * stride + window
                if not equal:  # how far the array's own sums reach
                    assert found.height * found.width * found.depth <= 65536


def test_a_larger_window_never_gets_a_larger_block() -> None:
    core = CORES["ethos-u85-1024"]
    areas = []
    for window in (1, 3, 5, 7):
        found = block(Layer(56, 56, 64, 64, (window, window), window * window, (1, 1), True), core)
        areas.append(found.height * found.width * found.depth)
    assert areas[1:] == sorted(areas[1:], reverse=True)
