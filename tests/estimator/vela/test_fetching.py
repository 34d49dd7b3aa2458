"""What a kernel takes by the compiler's own rules, before anything is learned, against the compiler."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from advisor.estimator.backends.vela import VELA
from advisor.estimator.learned.features import NAMES, features
from advisor.estimator.training.dataset import shared
from advisor.graph import Graph
from advisor.targets import Target, load
from tests.graphs import GraphBuilder

SHARED = [load(name) for name in ("ethos-u55-128", "ethos-u55-256", "ethos-u85-1024-shared")]
DEDICATED = [load(name) for name in ("ethos-u65-512", "ethos-u85-1024", "ethos-u85-2048")]

Chain = Callable[[GraphBuilder, int], int]


def between(part: Chain, size: int = 28, channels: int = 64) -> Graph:
    """The part with layers around it, so that it neither reads the model's input nor makes its output."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 16, size, size)), channels, 3)
    return b.build(b.conv(part(b, x), 32))


def cycles(graph: Graph, target: Target) -> tuple[list[str], list[float], list[float]]:
    """Kinds, staged cycles and the compiler's, without the first kernel and the last."""
    made = features(graph, target)
    truth = shared(graph, made, VELA.measure(graph, target)) * target.clock_hz / 1e6
    return list(made.kinds[1:-1]), made.staged[1:-1].tolist(), truth[1:-1].tolist()


PARTS: dict[str, Chain] = {
    "layers": lambda b, x: b.conv(b.depthwise(b.conv(x, 128), 5), 72, 3),
    "odd widths": lambda b, x: b.conv(b.conv(x, 90, 3), 44),
    "a stride": lambda b, x: b.conv(b.depthwise(x, 3, 2), 96),
    "an activation by table": lambda b, x: b.conv(b.act(b.conv(x, 96), "hardswish"), 64, 3),
    "pools": lambda b, x: b.conv(b.pool(b.conv(x, 64, 3)), 48),
    "a shortcut": lambda b, x: b.add(x, b.conv(b.conv(x, 64, 3), 64, 3)),
}


@pytest.mark.parametrize("target", [*SHARED, *DEDICATED], ids=lambda t: t.name)
@pytest.mark.parametrize("part", sorted(PARTS))
def test_layers_take_what_the_compiler_says(part: str, target: Target) -> None:
    kinds, staged, truth = cycles(between(PARTS[part]), target)
    assert kinds
    assert staged == pytest.approx(truth, rel=0.15, abs=400)
    assert sum(staged) == pytest.approx(sum(truth), rel=0.06)


def test_weights_that_arrive_while_the_kernel_before_runs_cost_nothing() -> None:
    def wide(kernel: int) -> dict[str, float]:
        """A layer of many weights behind one that takes longer the larger its window."""
        graph = between(lambda b, x: b.conv(b.conv(x, 512, kernel), 512), size=16)
        made = features(graph, SHARED[2])
        return dict(zip(NAMES, made.matrix[2].tolist(), strict=True))

    behind_short, behind_long = wide(1), wide(9)
    assert behind_short["stored"] == behind_long["stored"] > 0
    assert behind_long["slack"] > behind_short["slack"]
    assert behind_long["stall"] < 0.1 * behind_short["stall"]
    assert behind_long["staged"] < 0.5 * behind_short["staged"]


def test_without_a_compiler_a_kernel_starts_from_its_simulated_price() -> None:
    graph = between(PARTS["layers"])
    made = features(graph, load("npu-64"))
    assert made.staged.tolist() == made.matrix[:, NAMES.index("simulated")].tolist()


def test_what_is_free_may_have_to_move_all_that_it_is_given() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 16, 32, 32)), 32)
    y = b.reshape(b.permute(b.reshape(x, (1, 2, 16, 32, 32)), (0, 2, 1, 3, 4)), (1, 32, 32, 32))
    made = features(b.build(b.conv(y, 16)), SHARED[0])
    rows = {kind: row for kind, row in zip(made.kinds, made.matrix, strict=True) if kind == "reshape"}
    assert rows["reshape"][NAMES.index("simulated")] == 0 < rows["reshape"][NAMES.index("staged")]


MAPS: dict[str, Chain] = {
    "a shuffle": lambda b, x: b.conv(_shuffled(b, b.conv(x, 96)), 64, 3),
    "windows to the front": lambda b, x: b.conv(_unfolded(b, b.conv(x, 48)), 64),
    "a part in place, and one that is copied": lambda b, x: b.conv(_joined(b, b.act(b.conv(x, 48), "relu")), 64),
    "a part of half a brick": lambda b, x: b.conv(_joined(b, b.act(b.conv(x, 40), "relu")), 64),
}

MOVING = ("reshape", "concat", "permute")


def _shuffled(b: GraphBuilder, x: int) -> int:
    n, c, h, w = b.tensors[x].shape
    return b.reshape(b.permute(b.reshape(x, (n, 2, c // 2, h, w)), (0, 2, 1, 3, 4)), (n, c, h, w))


def _unfolded(b: GraphBuilder, x: int) -> int:
    n, c, h, w = b.tensors[x].shape
    y = b.permute(b.reshape(x, (n, c, h // 2, 2, w // 2, 2)), (0, 1, 3, 5, 2, 4))
    return b.reshape(y, (n, c, 4, h * w // 4))


def _joined(b: GraphBuilder, x: int) -> int:
    n, c, h, w = b.tensors[x].shape
    y = b.act(b.conv(x, 64), "relu")
    return b.op("concat", [x, y], (n, c + 64, h, w), dim=1)


@pytest.mark.parametrize("part", sorted(MAPS))
def test_maps_that_are_moved_take_what_the_compiler_says(part: str) -> None:
    kinds, staged, truth = cycles(between(MAPS[part]), SHARED[2])
    moved = [(mine, wanted) for kind, mine, wanted in zip(kinds, staged, truth, strict=True) if kind in MOVING]
    moved = [(mine, wanted) for mine, wanted in moved if wanted > 0]
    assert moved
    for mine, wanted in moved:
        assert mine == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize(("kernel", "channels"), [(5, 32), (7, 48), (11, 64)])
def test_a_padded_layer_of_a_large_stride_is_an_operation_for_each_position_of_its_window(
    kernel: int, channels: int
) -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 192, 192)), channels, kernel, 4, padding=kernel // 2)
    graph = b.build(b.conv(b.act(x, "relu"), 16))
    made = features(graph, SHARED[2])
    truth = shared(graph, made, VELA.measure(graph, SHARED[2])) * SHARED[2].clock_hz / 1e6
    assert made.staged[0] == pytest.approx(truth[0], rel=0.25)
